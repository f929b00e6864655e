"""Numbers as people read them beside a verdict: short, but never so short that they contradict it."""

from collections.abc import Callable, Sequence

FEWEST_DECIMALS = 3
MOST_DECIMALS = 17
LARGEST_WRITTEN_OUT = 1e15


def figure(number: float, decimals: int = FEWEST_DECIMALS) -> str:
    """`number` with that many decimals, or in full where those would show a zero or a very long number."""
    text = f"{number:,.{decimals}f}"
    hidden = number != 0 and not text.strip("-0.,")
    return repr(number) if hidden or abs(number) >= LARGEST_WRITTEN_OUT else text


def faithful(numbers: Sequence[float], says_the_same: Callable[[list[float]], bool]) -> list[str]:
    """`numbers` with as few decimals as `says_the_same` allows; it is asked with the numbers as they would be read."""
    for decimals in range(FEWEST_DECIMALS, MOST_DECIMALS + 1):
        texts = [figure(number, decimals) for number in numbers]
        if says_the_same([float(text.replace(",", "")) for text in texts]):
            return texts
    return list(map(repr, numbers))


def bound(number: float) -> str:
    """A number from the user's YAML: `0.80`, `12`, `0.125`; all its digits, and no fewer than a price has."""
    if abs(number) >= LARGEST_WRITTEN_OUT:
        return repr(number)
    if float(number).is_integer():
        return f"{int(number):,}"
    text = f"{number:,.2f}"
    return text if float(text.replace(",", "")) == number else repr(number)


def signed(number: float) -> str:
    """A difference with its sign, `+0.003` or `−0.061`."""
    return f"{'−' if number < 0 else '+'}{figure(abs(number))}"
