"""Who is calling: API keys, people known to an identity provider, sessions of the console.

``entrance.py`` is the one way in; decision 0011 says why it is so.
"""
