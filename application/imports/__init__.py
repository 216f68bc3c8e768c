"""Taking over a company's own files: mapping, parsing, rows to commands."""
