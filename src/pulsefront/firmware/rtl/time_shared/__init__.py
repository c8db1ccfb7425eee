"""The time-shared design: its plan, its memories, stages and top module."""
