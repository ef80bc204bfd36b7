from __future__ import annotations

import pytest

from durable_aws_lambda.classify import (
    Refusal,
    Verdict,
    error_of,
    refusal_from_wire,
    verdict_on,
)

INVALID = "InvalidParameterValueException"
CASES = [
    # the token is stale: raise, whatever the case the service writes it in (1.12)
    (Refusal(INVALID, "Invalid checkpoint token", 400), Verdict.RAISE),
    (Refusal(INVALID, "Invalid Checkpoint Token", 400), Verdict.RAISE),
    (Refusal(INVALID, "INVALID CHECKPOINT TOKEN: superseded", 400), Verdict.RAISE),
    # a token minted for another execution is our bug: no repetition mends it
    (
        Refusal(INVALID, "Checkpoint token is not valid for the durable execution ARN", 400),
        Verdict.FAIL,
    ),
    # other client errors
    (Refusal(INVALID, "Invalid current STEP state to start.", 400), Verdict.FAIL),
    (Refusal("ValidationException", "1 validation error(s) detected", 400), Verdict.FAIL),
    (Refusal("SerializationException", "", 400), Verdict.FAIL),
    (Refusal("AccessDeniedException", "not authorized", 403), Verdict.FAIL),
    (Refusal("ResourceNotFoundException", "", 404), Verdict.FAIL),
    (Refusal("RequestTooLargeException", "", 413), Verdict.FAIL),
    # the customer's key, though it says 502
    (Refusal("KMSAccessDeniedException", "", 502), Verdict.FAIL),
    (Refusal("KMSDisabledException", "", 502), Verdict.FAIL),
    (Refusal("KMSInvalidStateException", "", 502), Verdict.FAIL),
    (Refusal("KMSNotFoundException", "", 502), Verdict.FAIL),
    # throttles and the service's own troubles
    (Refusal("TooManyRequestsException", "", 429), Verdict.RESEND),
    (Refusal("ThrottlingException", "", 400), Verdict.RESEND),
    (Refusal("Anything", "", 429), Verdict.RESEND),
    (Refusal("Anything", "", 408), Verdict.RESEND),
    (Refusal("ServiceException", "", 500), Verdict.RESEND),
    (Refusal("HTTP502", "", 502), Verdict.RESEND),
    (Refusal("HTTP503", "", 503), Verdict.RESEND),
    # credentials that ended while the process was frozen
    (Refusal("ExpiredTokenException", "", 403), Verdict.RAISE),
    # no answer, an unreadable one, one nobody knows
    (Refusal("ConnectionResetError", "reset"), Verdict.RESEND),
    (Refusal("TimeoutError", "no answer"), Verdict.RESEND),
    (Refusal("HTTP302", "", 302), Verdict.RESEND),
]


@pytest.mark.parametrize(("refusal", "verdict"), CASES)
def test_each_refusal_has_its_verdict(refusal, verdict):
    assert verdict_on(refusal) is verdict


@pytest.mark.parametrize(
    ("verdict", "is_retryable"),
    [(Verdict.RESEND, True), (Verdict.RAISE, True), (Verdict.FAIL, False)],
)
def test_an_error_says_whether_the_service_should_invoke_again(verdict, is_retryable):
    error = error_of(Refusal("Code", "the message", 418), verdict)
    assert error.code == "Code"
    assert error.is_retryable is is_retryable
    assert str(error) == "the message (Code, HTTP 418)"
    assert str(error_of(Refusal("Code", "m"), verdict)) == "m (Code)"


@pytest.mark.parametrize(
    ("headers", "body", "code", "message"),
    [
        ({"x-amzn-errortype": "Abc"}, {"message": "low"}, "Abc", "low"),
        ({"x-amzn-errortype": "Abc:http://x/"}, {"Message": "Up"}, "Abc", "Up"),
        ({}, {"__type": "com.amazon#Abc"}, "Abc", ""),
        ({}, {"code": "Abc"}, "Abc", ""),
        ({}, None, "HTTP503", ""),
        ({}, ["not", "an", "object"], "HTTP503", ""),
    ],
)
def test_an_error_answer_is_read_in_every_form(headers, body, code, message):
    assert refusal_from_wire(503, headers, body) == Refusal(code, message, 503)


@pytest.mark.parametrize(("value", "seconds"), [("2", 2.0), ("0.5", 0.5), ("-1", 0.0)])
def test_retry_after_is_read_in_seconds(value, seconds):
    assert refusal_from_wire(429, {"retry-after": value}, {}).retry_after_seconds == seconds


def test_a_date_in_retry_after_leaves_the_wait_to_the_backoff():
    refusal = refusal_from_wire(429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, {})
    assert refusal.retry_after_seconds is None
