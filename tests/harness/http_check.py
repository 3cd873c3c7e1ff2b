"""Answers of the `requests` library in the form of our own."""

import requests

from .wire import Response


def as_response(answer: requests.Response) -> Response:
    return Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)
