"""The tests. Their helpers explain a failed assertion as the tests themselves do."""

import pytest

pytest.register_assert_rewrite(
    "tests.application.community",
    "tests.certificates",
    "tests.contracts.racing",
    "tests.http.public_cases",
    "tests.media",
    "tests.newer",
    "tests.servers",
    "tests.shared_servers",
    "tests.system.deployment",
    "tests.system.phone",
    "tests.world",
)
