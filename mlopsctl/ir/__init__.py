"""The intermediate representation: frozen dataclasses, filled by lower and by nothing else."""
