"""The code of the stage."""
