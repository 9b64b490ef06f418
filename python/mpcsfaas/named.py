"""What a call of a Client names: a function that is registered, or one from here."""
from typing import Any, Callable, Optional, TypeVar, Union

from . import errors, given, shipment
from .registry import Registry

T = TypeVar("T")
# A function here, or one that is registered, by id, name or name@version.
Callee = Union[str, Callable[..., Any]]


class Named:
    """One from here is registered where that has not been done, and again where the service has lost it."""

    def __init__(self, registry: Registry, function: Callee) -> None:
        """Raises SerializationError, VersionMismatch; TypeError for what is no function."""
        self._registry = registry
        self._shipped: Optional[shipment.Shipment] = None
        given.check_callee(function)
        if isinstance(function, str):
            self._ref = function
        else:
            self._shipped = shipment.shipment_of(function)
            self._ref = registry.id_of(self._shipped)

    def sent(self, send: Callable[[str], T]) -> T:
        """What `send` answers, given its id or name. It is called a second time where the service did not know the id."""
        try:
            return send(self._ref)
        except errors.NotFoundError as error:
            if self._shipped is None or error.code != "function_not_found":
                raise
        self._ref = self._registry.renewed(self._ref, self._shipped)
        return send(self._ref)
