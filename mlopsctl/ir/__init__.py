"""The intermediate representation: frozen values, filled by lower and by nothing else."""
