"""Bytes to domain and back. No I/O, no clock."""
