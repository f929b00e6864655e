"""The program in a pod: one stage of a run, or the server of a model; `settings` says what it has to be told."""
