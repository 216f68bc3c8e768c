"""Importing a company's file, and starting: fresh clone to first answer, second start."""
