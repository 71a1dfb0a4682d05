"""One HTTP request and its answer."""
import http.client
import json
import urllib.request


class Offline(Exception):
    """No whole answer came, or one that makes no sense: nobody knows what the server did."""


class Problem(Exception):
    """The server refused the request as a whole: status, code, seconds to wait."""


class AnyStatus(urllib.request.HTTPErrorProcessor):
    http_response = https_response = lambda self, request, response: response


def send(method, url, body=None, token=None):
    """The body of an answer of 200.

    Raises `Problem` for an answer that refuses, `Offline` for anything that is no whole answer of the contract.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"accept": "application/json", "content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    try:
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.build_opener(AnyStatus).open(request, timeout=30) as response:
            answer, after = json.load(response), response.headers.get("retry-after", "")
        if response.status == 200:
            return dict(answer)
        problem = Problem(response.status, answer["code"], int(after) if after.isdigit() else 0)
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError) as error:
        raise Offline(error) from None
    raise problem
