"""The tests, whose helpers explain a failed assertion as the tests themselves do."""

import pytest

pytest.register_assert_rewrite("tests.application.community")
