"""The rules of meaning, each one function with its code."""
