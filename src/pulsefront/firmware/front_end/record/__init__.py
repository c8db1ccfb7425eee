"""What a front end says of an event: fields, flags, tests of the input, no decision."""
