# mypy: disable-error-code="attr-defined, call-arg"
# Types can't see all that is here, and some of it is wrong on purpose.

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from inspect import signature
from operator import ge, gt, le, lt
from typing import Any, ClassVar, Literal

import pytest

from mlopsctl.frozen import frozen


@frozen
class Point:
    """A place, and a remark that makes no difference."""

    x: int
    y: int = 0
    remark: str = field(default="", compare=False, repr=False)


@frozen(kw_only=True)
class Shape:
    what: ClassVar[str] = "shape"

    corners: tuple[Point, ...]
    tags: list[str] = field(default_factory=list)

    def said(self) -> str:
        return f"{self.what} of {len(self.corners)}"


@frozen(kw_only=True)
class Named(Shape):
    kind: Literal["named"] = "named"
    name: str


@frozen(order=True)
class Version:
    major: int
    minor: int


@frozen
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class Reference:
    """What `frozen` promises to be like."""

    x: int
    y: int = 0
    remark: str = field(default="", compare=False, repr=False)


def test_values_are_equal_by_what_is_compared() -> None:
    assert Point(1, 2, "here") == Point(1, 2, "there")
    assert Point(1, 2) != Point(1, 3)
    assert hash(Point(1, 2, "here")) == hash(Point(1, 2, "there"))
    assert len({Point(1), Point(1, 0), Point(2)}) == 2


def test_values_of_other_classes_are_never_equal() -> None:
    assert Shape(corners=()) != Named(corners=(), name="")
    assert Point(1, 2) != Version(1, 2)
    assert Point(1, 2) != (1, 2)
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())


def test_a_value_shows_its_fields() -> None:
    assert repr(Point(1, remark="here")) == "Point(x=1, y=0)"
    assert (
        repr(Named(corners=(Point(1),), name="a"))
        == "Named(corners=(Point(x=1, y=0),), tags=[], kind='named', name='a')"
    )


@pytest.mark.parametrize("attribute", ["x", "unknown"])
def test_a_value_stays_as_it_is(attribute: str) -> None:
    point = Point(1)
    with pytest.raises(FrozenInstanceError, match=attribute):
        setattr(point, attribute, 2)
    with pytest.raises(FrozenInstanceError, match=attribute):
        delattr(point, attribute)
    assert point == Point(1)


def test_a_value_has_room_for_its_fields_alone() -> None:
    assert not hasattr(Point(1), "__dict__")
    assert not hasattr(Named(corners=(), name=""), "__dict__")
    assert Named.__slots__ == ("kind", "name")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        pytest.param(Point, r"Point.__init__\(\) missing 1 required positional argument: 'x'", id="missing"),
        pytest.param(lambda: Point(1, z=2), "unexpected keyword argument 'z'", id="unknown"),
        pytest.param(lambda: Shape(()), "takes 1 positional argument but 2 were given", id="by position"),
        pytest.param(lambda: Named(name="a"), "missing 1 required keyword-only argument: 'corners'", id="inherited"),
        pytest.param(lambda: Nothing(1), "takes 1 positional argument but 2 were given", id="no fields"),
    ],
)
def test_wrong_arguments_are_named(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        make()


def test_each_value_has_its_own_default() -> None:
    one, other = Shape(corners=()), Shape(corners=())
    one.tags.append("round")
    assert other.tags == []


def test_what_a_class_inherits() -> None:
    named = Named(corners=(Point(1),), tags=["a"], name="b")
    assert named.said() == "shape of 1"
    assert (named.corners, named.tags, named.kind, named.name) == ((Point(1),), ["a"], "named", "b")
    assert isinstance(named, Shape)


def test_order_is_that_of_the_fields() -> None:
    low, high = Version(1, 9), Version(2, 0)
    assert sorted([high, low]) == [low, high]
    assert [compare(low, high) for compare in (lt, le, gt, ge)] == [True, True, False, False]
    assert [compare(low, low) for compare in (lt, le, gt, ge)] == [False, True, False, True]


@pytest.mark.parametrize("pair", [(Point(1), Point(2)), (Version(1, 0), (2, 0))], ids=["no order", "another class"])
def test_what_has_no_order(pair: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError, match="not supported"):
        sorted(pair)


def test_a_method_of_the_class_itself_is_kept() -> None:
    @frozen
    class Loud:
        name: str

        def __repr__(self) -> str:
            return self.name.upper()

    assert repr(Loud("a")) == "A"


def test_dataclasses_know_a_value() -> None:
    named = Named(corners=(Point(1),), name="a")
    assert [each.name for each in fields(Named)] == ["corners", "tags", "kind", "name"]
    assert asdict(named) == {"corners": ({"x": 1, "y": 0, "remark": ""},), "tags": [], "kind": "named", "name": "a"}
    assert replace(named, name="b") == Named(corners=(Point(1),), name="b")
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_is_equal(again: Callable[[Any], Any]) -> None:
    named = Named(corners=(Point(1, remark="here"),), tags=["a"], name="b")
    assert again(named) == named
    assert again(named).corners[0].remark == "here"
    assert again(Nothing()) == Nothing()


def test_the_signature_is_known_before_and_after_the_first_value() -> None:
    @frozen
    class Fresh:
        x: int
        y: int = 0

    before = signature(Fresh)
    assert [parameter.name for parameter in before.parameters.values()] == ["x", "y"]
    assert Fresh(1).y == 0
    assert signature(Fresh) == before


def test_it_is_what_dataclasses_make() -> None:
    ours, theirs = Point(1, 2, "here"), Reference(1, 2, "here")
    assert repr(ours).removeprefix("Point") == repr(theirs).removeprefix("Reference")
    assert hash(ours) == hash(theirs)
    assert asdict(ours) == asdict(theirs)
    assert Point.__slots__ == Reference.__slots__
    assert Point.__match_args__ == Reference.__match_args__
