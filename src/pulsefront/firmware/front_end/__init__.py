"""The whole front end in integers: from ADC samples or charges to records, emulated and as RTL."""
