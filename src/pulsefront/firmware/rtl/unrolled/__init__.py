"""The unrolled design: sums traced by alkaid, one new event every clock."""
