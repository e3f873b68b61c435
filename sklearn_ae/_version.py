"""The version of the package, where everything that writes it down can read it."""

__version__ = "0.1.0"
