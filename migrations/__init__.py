"""The database schema: numbered SQL files, forward only, never edited once released."""
