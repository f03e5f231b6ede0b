"""What Passphrases promise."""

import subprocess
import sys
from unittest.mock import patch

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from adapters.credentials.argon2 import Argon2Passphrases
from application.ports.passphrases import Passphrases
from tests.contracts.nothing import assert_fails_against_nothing

COMPOSED, DECOMPOSED = "caf\u00e9 au lait", "cafe\u0301 au lait"


class PassphrasesContract:
    def test_a_passphrase_matches_its_own_hash_only(self, passphrases: Passphrases) -> None:
        stored = passphrases.hash("correct horse")
        assert passphrases.verify(stored, "correct horse") is True
        assert passphrases.verify(stored, "correct horse ") is False

    def test_two_hashes_of_one_passphrase_differ(self, passphrases: Passphrases) -> None:
        first, second = passphrases.hash("correct horse"), passphrases.hash("correct horse")
        assert first != second
        assert passphrases.verify(second, "correct horse")

    def test_no_passphrase_matches_a_missing_hash(self, passphrases: Passphrases) -> None:
        assert passphrases.verify(None, "correct horse") is False

    @pytest.mark.parametrize("stored", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"])
    def test_no_passphrase_matches_a_foreign_hash(
        self, passphrases: Passphrases, stored: str
    ) -> None:
        assert passphrases.verify(stored, "correct horse") is False

    def test_composed_and_decomposed_letters_match(self, passphrases: Passphrases) -> None:
        assert passphrases.verify(passphrases.hash(COMPOSED), DECOMPOSED)

    def test_a_new_hash_needs_no_rehash(self, passphrases: Passphrases) -> None:
        assert passphrases.needs_rehash(passphrases.hash("correct horse")) is False


class TestArgon2Passphrases(PassphrasesContract):
    @pytest.fixture
    def passphrases(self) -> Argon2Passphrases:
        return Argon2Passphrases(time_cost=1, memory_cost=8, parallelism=1)

    def test_the_algorithm_is_argon2id(self, passphrases: Argon2Passphrases) -> None:
        assert passphrases.hash("correct horse").startswith("$argon2id$v=19$m=8,t=1,p=1$")

    def test_a_hash_with_other_parameters_matches_and_needs_a_rehash(
        self, passphrases: Argon2Passphrases
    ) -> None:
        stronger = Argon2Passphrases(time_cost=2, memory_cost=16, parallelism=1)
        stored = passphrases.hash("correct horse")
        assert stronger.verify(stored, "correct horse")
        assert stronger.needs_rehash(stored) is True

    def test_verifying_a_missing_hash_costs_as_much_as_another(
        self, passphrases: Argon2Passphrases
    ) -> None:
        with patch.object(PasswordHasher, "verify", return_value=True) as verify:
            assert passphrases.verify(None, "correct horse") is False
        (stored, _), _ = verify.call_args
        assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        with pytest.raises(VerifyMismatchError):
            PasswordHasher().verify(stored, "correct horse")
        assert passphrases.needs_rehash(stored) is False

    def test_the_default_parameters_are_those_of_rfc_9106_for_little_memory(self) -> None:
        program = "import adapters.credentials.argon2 as a; print(a.Argon2Passphrases().hash(''))"
        told = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert told.stdout.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


class Nothing:
    def hash(self, passphrase: str) -> str:
        return ""

    def verify(self, stored: str | None, passphrase: str) -> bool | None:
        return None

    def needs_rehash(self, stored: str) -> bool | None:
        return None


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(PassphrasesContract, passphrases=Nothing())
