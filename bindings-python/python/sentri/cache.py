"""A bounded cache of recently verified credentials."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Optional, TypeVar

V = TypeVar("V")


class Generations(Generic[V]):
    """A bounded mapping in two generations. When the younger generation is full, the older is dropped as a whole and
    the younger takes its place. A hit in the younger costs one look-up and no bookkeeping. Each step is atomic under
    the interpreter's lock, so threads may share it."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._young: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}

    def get(self, key: Hashable) -> Optional[V]:
        found = self._young.get(key)
        if found is not None:
            return found
        older = self._old.get(key)
        if older is not None:
            self.set(key, older)
        return older

    def set(self, key: Hashable, value: V) -> None:
        if len(self._young) >= self.capacity:
            self._old = self._young
            self._young = {}
        self._young[key] = value

    def delete(self, key: Hashable) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
