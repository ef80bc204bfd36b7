"""Where a context may be used: in its own body and the tasks started there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from durable_core._engine.future import call_site
from durable_core._engine.scope import CURRENT_SCOPE, OutsideScope, Scope
from durable_core._values.errors import ContextScopeError

if TYPE_CHECKING:
    from durable_core._engine.operation import ClaimedOperation
    from durable_core._engine.scope import ContextBody

O = TypeVar("O", bound="ClaimedOperation[Any]")  # noqa: E741


def scope_in(body: ContextBody) -> Scope:
    """The running scope, if it belongs to `body`.

    Raises:
        ContextScopeError: The context is used in another body, in a step, or outside.
    """
    scope = CURRENT_SCOPE.get(None)
    if isinstance(scope, Scope) and scope.body is body:
        return scope
    raise _misuse(body, scope)


def open_here(operation: O) -> O:
    """Claim an operation in the running scope of its body and start it."""
    scope = scope_in(operation.body)
    operation.site = call_site()
    operation.engine.open_at(operation, scope.next_path())
    return operation


def _misuse(body: ContextBody, scope: Scope | OutsideScope | None) -> ContextScopeError:
    if isinstance(scope, OutsideScope):
        step = scope.step
        what = f"{scope.what} {step.name!r}" if step is not None and step.name else scope.what
        return ContextScopeError(
            f"the context of {body.label} was used inside {what}: code that runs outside the "
            "workflow is not replayed and cannot hold operations. Return from it first; to group "
            "operations use run_in_child_context()."
        )
    if scope is None:
        return ContextScopeError(
            f"the context of {body.label} was used outside its workflow: in another thread, or "
            "after the invocation ended. Use it in the body it was given to."
        )
    return ContextScopeError(
        f"the context of {body.label} was used inside {scope.body.label}: its operations would get "
        "ids that depend on what runs first. Use the context that the body was given."
    )
