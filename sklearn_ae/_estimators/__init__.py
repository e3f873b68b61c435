"""The estimators: one file each, or a folder where an idea has mathematics of its own."""
