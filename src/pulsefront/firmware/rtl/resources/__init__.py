"""What a design takes on a part: estimated, counted by yosys, placed by nextpnr."""
