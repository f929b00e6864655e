"""mlopsctl: machine learning pipelines as text in git, compiled, run here or in a cluster."""

__version__ = "0.1.0"
