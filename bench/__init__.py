"""What the project promises about time and memory, measured: `python -m bench`."""
