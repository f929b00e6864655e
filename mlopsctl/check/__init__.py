"""Structure against the JSON Schemas, meaning by rules on the IR."""
