"""How what goes wrong with a cluster is worded: one function for each code."""

from collections.abc import Collection

from mlopsctl.diagnostics import Finding, Span, diagnostic, similar


@diagnostic("MLO911")
def no_kubeconfig(span: Span | None, places: str) -> Finding:
    """There is no kubeconfig file, which says where a cluster is and who you are there.

    Example:
        KUBECONFIG=/no/such/file mlopsctl doctor --env staging

    Fix: get one from whoever runs the cluster, put it at `~/.kube/config`, or name it in KUBECONFIG.
    """
    return Finding(
        message=f"there is no kubeconfig at `{places}`",
        span=span,
        helps=("put it there, or name it in KUBECONFIG; `kubectl config get-contexts` lists what it holds",),
    )


@diagnostic("MLO912")
def unknown_context(span: Span | None, context: str, known: Collection[str], places: str) -> Finding:
    """An environment names a context that the kubeconfig file doesn't have.

    Contexts are names on your machine: a project works for all who give the same name to the same cluster.

    Example:
        cluster: {context: prdo-eu, namespace: flights}

    Fix: correct the name, or add the context: `kubectl config set-context`, `kubectl config rename-context`.
    """
    near = similar(context, known)
    there = ", ".join(f"`{name}`" for name in sorted(known)) or "none"
    advice = f"a context with a similar name: `{near}`" if near else f"the contexts there are: {there}"
    return Finding(message=f"`{places}` has no context `{context}`", span=span, helps=(advice,))


@diagnostic("MLO913")
def unreachable(span: Span | None, server: str, why: str, advice: str) -> Finding:
    """The API server of a cluster doesn't answer.

    Fix: see that the cluster is up and its address right, and that this machine is in a network that reaches it: a VPN,
    a tunnel, a proxy.
    """
    return Finding(message=f"no answer from `{server}`: {why}", span=span, helps=(advice,))


@diagnostic("MLO914")
def unauthorized(span: Span | None, server: str, context: str, notes: tuple[str, ...]) -> Finding:
    """The API server doesn't know who is asking: the token or certificate of the context is wrong or expired.

    Fix: log in to the cluster again, as you did to get the kubeconfig.
    """
    return Finding(
        message=f"`{server}` doesn't accept the credentials of `{context}`",
        span=span,
        notes=notes,
        helps=("they are wrong or expired: log in to the cluster again, then try again",),
    )


@diagnostic("MLO915")
def untrusted(span: Span | None, server: str, why: str, advice: str) -> Finding:
    """The connection to the API server isn't secure: its certificate is not what the kubeconfig file expects.

    Fix: get the kubeconfig anew, as the cluster may have been made anew; else find out who answers in its place.
    """
    return Finding(message=f"`{server}` can't be trusted: {why}", span=span, helps=(advice,))


@diagnostic("MLO916")
def forbidden(span: Span | None, user: str, action: str, scope: str) -> Finding:
    """The cluster knows you, and you may not do this there.

    Fix: ask whoever runs the cluster for a Role with the verb and the resource that the message names.
    """
    who = f"`{user}`" if user else "this user"
    return Finding(
        message=f"{who} may not {action} {scope}".rstrip(),
        span=span,
        helps=(f"ask whoever runs the cluster for the right to {action} {scope}".rstrip(),),
    )


@diagnostic("MLO917")
def refused(span: Span | None, server: str, status: int, message: str) -> Finding:
    """The API server answers a request with an error.

    Fix: the message is the server's own. Above 500 it is the server that is at fault: try again later.
    """
    return Finding(message=f"`{server}` answers {status}: {message}", span=span)


@diagnostic("MLO918")
def kubeconfig_unusable(span: Span | None, places: str, why: str) -> Finding:
    """The kubeconfig file can't be used: it is no YAML, or lacks something, or names files that aren't there.

    Fix: `kubectl --context NAME version` reads the same file and may say more; get the file anew if it is damaged.
    """
    return Finding(
        message=f"the kubeconfig `{places}` can't be used: {why}",
        span=span,
        helps=("correct it, or get it anew from whoever runs the cluster",),
    )
