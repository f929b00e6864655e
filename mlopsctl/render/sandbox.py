"""Where templates are filled: without a way out of them, as they may come with a project that somebody else wrote."""

from collections.abc import MutableMapping
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's own, but quicker with the mappings that our values are."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What `obj.attribute` means.

        Jinja2 asks for the attribute first and then for the key, and says so by an exception, which takes longer than
        all else about a hole.
        """
        if isinstance(obj, dict) and attribute in obj and not hasattr(obj, attribute):
            return obj[attribute]
        return super().getattr(obj, attribute)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """What every template knows.

        Jinja2 makes a chain of what is given with one template and what all have, and each filling copies it, key by
        key. With a template nothing is given here.
        """
        return super().make_globals(d) if d else self.globals
