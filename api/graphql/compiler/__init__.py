"""The query compiler: a selection of read models becomes one SQL statement that writes JSON.

``docs/guides/compiler.md`` says how a type joins; ``declarations`` holds what it joins with.
"""
