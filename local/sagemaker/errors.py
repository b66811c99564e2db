"""What the service answers instead of a result."""

from __future__ import annotations

from http import HTTPStatus


class ServiceError(Exception):
    """An error answer of the API: `code` and `message` as a client sees them, `status` over HTTP."""

    def __init__(self, code: str, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = int(status)


def invalid(message: str) -> ServiceError:
    """SageMaker has one code for nearly everything that is wrong with a request or a resource's state."""
    return ServiceError("ValidationException", message)


def not_found(kind: str, arn: str) -> ServiceError:
    return invalid(f'Could not find {kind} "{arn}".')


def already_exists(kind: str, arn: str) -> ServiceError:
    return invalid(f'Cannot create already existing {kind} "{arn}".')
