"""Machine learning for detector pulses at the front end, and the scanner's QC behind it."""

__version__ = "0.1.0"

__all__ = ["__version__"]
