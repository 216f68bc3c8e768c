"""Read models: what the events say, in the shape that questions are asked in."""
