"""Globals that a function takes along. dill's own search does not end where functions call each other, or one of a closure
itself, and takes for used what a function of another module uses under the same name."""
import builtins
import dis
import types
from typing import Any, Callable, Dict, List, Set


def globals_of(code: types.CodeType) -> Set[str]:
    """Names of globals that the code, and code inside it, looks up."""
    names = {one.argval for one in dis.get_instructions(code) if "_GLOBAL" in one.opname or one.opname == "LOAD_NAME"}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= globals_of(constant)
    return names


def used_by(function: Any, recurse: bool = True, builtin: bool = False) -> Dict[str, Any]:
    """Those of the function and of the functions beside it that it calls; the signature is that of dill's."""
    own: Dict[str, Any] = function.__globals__
    names: Set[str] = set()
    seen: Set[int] = set()
    open_: List[Any] = [function]
    while open_:
        one = open_.pop()
        one = getattr(one, "__func__", one)
        if not isinstance(one, types.FunctionType) or one.__globals__ is not own or id(one) in seen:
            continue
        seen.add(id(one))
        found = globals_of(one.__code__)
        names |= found
        open_.extend(own[name] for name in found if name in own)
        for cell in one.__closure__ or ():
            try:
                open_.append(cell.cell_contents)
            except ValueError:
                continue  # not set yet
    known = {**vars(builtins), **own} if builtin else own
    return {name: known[name] for name in sorted(names) if name in known}


def searching(save: Callable[..., None]) -> Callable[..., None]:
    """dill's way to save a function, with this search: it imports its own each time, which is left to others as it is."""

    def import_(name: str, *rest: Any) -> Any:
        return _Detect if name == "detect" else __import__(name, *rest)

    names = {**save.__globals__, "__builtins__": {**vars(builtins), "__import__": import_}}
    return types.FunctionType(save.__code__, names, save.__name__, save.__defaults__, save.__closure__)


class _Detect:
    globalvars = staticmethod(used_by)
