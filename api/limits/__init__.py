"""What a caller may ask for at once and in a minute; each module knows one kind of limit."""
