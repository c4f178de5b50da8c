"""Names of everything we keep in Redis. The text between the first braces decides the slot in a Redis Cluster.

    PREFIX:{p3}:meta               hash: owner token and last offset of partition 3
    PREFIX:{p3}:state              string: partition state
    PREFIX:{p3}:profile:CLIENT     string: one client's profile
    PREFIX:{client}:decisions      hash: client -> standing decision; the same for user, cohort and network
    PREFIX:{client}:known          hash: client -> pardon, offsets seen
    PREFIX:{client}:expiry         sorted set: client by expiry of its decision
    PREFIX:announcements           channel of new decisions
    PREFIX:limit:client:LIMIT:KEY  hash: what was used of the limit with these numbers, and the open calls
    PREFIX:template:HASH           hash: partition -> its use of the template

Client ids and subjects stand last, behind our own braces: what they contain cannot change a slot or run into another name.
"""

from stream_detector.domain.decisions import Subject, SubjectKind
from stream_detector.domain.errors import ConfigError


class RedisKeys:
    """The names under one prefix.

    Raises:
        ConfigError: from the constructor, when the prefix is empty or holds braces.
    """

    def __init__(self, prefix: str) -> None:
        if not prefix or "{" in prefix or "}" in prefix:
            message = f"key_prefix: must be non-empty and without braces, got {prefix[:200]!r}"
            raise ConfigError(message)
        self._prefix = prefix
        self.announcements = f"{prefix}:announcements"

    def meta(self, partition: int) -> str:
        """Owner token and offset."""
        return f"{self._prefix}:{{p{partition}}}:meta"

    def state(self, partition: int) -> str:
        """Partition state."""
        return f"{self._prefix}:{{p{partition}}}:state"

    def profiles(self, partition: int) -> str:
        """What the names of the partition's profiles begin with; the client id follows."""
        return f"{self._prefix}:{{p{partition}}}:profile:"

    def decisions(self, kind: SubjectKind) -> str:
        """Standing decisions by subject."""
        return f"{self._prefix}:{{{kind}}}:decisions"

    def known(self, kind: SubjectKind) -> str:
        """What later decisions must know, by subject."""
        return f"{self._prefix}:{{{kind}}}:known"

    def expiry(self, kind: SubjectKind) -> str:
        """Subjects by expiry."""
        return f"{self._prefix}:{{{kind}}}:expiry"

    def limit(self, subject: Subject, numbers: str) -> str:
        """What one subject has used of one limit, which its numbers name."""
        return f"{self._prefix}:limit:{subject.kind}:{numbers}:{subject.key}"

    def template(self, template: int) -> str:
        """Use of one template by partition."""
        return f"{self._prefix}:template:{template}"
