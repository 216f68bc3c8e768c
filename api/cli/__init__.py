"""The command line ``redress``."""
