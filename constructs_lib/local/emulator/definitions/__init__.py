"""Definitions of state machines: read, checked as AWS checks them, and made ready for moto's interpreter."""
