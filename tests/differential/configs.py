"""configs: the server configurations under which the random operations run.

Times that pass by themselves would make two servers differ: the reaper is switched off by a long interval, and no
session is ever short enough to expire. timed.py tests those.
"""

import dataclasses

import zkwire

_COMMON = ["forceSync=no", "minSessionTimeout=600000", "maxSessionTimeout=900000"]
_NO_REAPER = {"znode.container.checkIntervalMs": "86400000"}

SUPER = "super:secret"


@dataclasses.dataclass
class Config:
    """One configuration. share: its part of the operations. The flags tell the generator what the server will do."""

    name: str
    share: float
    config: list = dataclasses.field(default_factory=list)
    properties: dict = dataclasses.field(default_factory=dict)
    host: str = "127.0.0.1"
    quota_enforced: bool = False  # Pipelined writes may overshoot, so a write ends its group.
    super_user: bool = False  # SUPER is the super user.
    auth_required: bool = False  # Connections without a digest id are closed.
    ids_do_not_matter: bool = False  # ACLs are not checked.
    max_frame: int = 0xFFFFF
    restricted: float = 0.25  # How often a list is not the open one.

    def server_arguments(self):
        return {
            "config": _COMMON + self.config,
            "properties": {**_NO_REAPER, **self.properties},
            "host": self.host,
        }


CONFIGS = [
    Config("default", 0.3),
    Config(
        "extended-quota",
        0.2,
        properties={"zookeeper.extendedTypesEnabled": "true", "zookeeper.enforceQuota": "true"},
        quota_enforced=True,
    ),
    Config("skip-acl", 0.08, properties={"zookeeper.skipACL": "yes"}, ids_do_not_matter=True, restricted=0.4),
    Config(
        "super-ipv6",
        0.16,
        properties={
            "zookeeper.DigestAuthenticationProvider.superDigest": zkwire.digest_id(SUPER, "sha256"),
            "zookeeper.DigestAuthenticationProvider.digestAlg": "SHA-256",
        },
        host="::1",
        super_user=True,
        restricted=0.5,
    ),
    Config(
        "emulate-353",
        0.12,
        config=["reconfigEnabled=true"],
        properties={
            "zookeeper.extendedTypesEnabled": "true",
            "zookeeper.emulate353TTLNodes": "true",
            "zookeeper.closeSessionTxn.enabled": "false",
        },
    ),
    Config(
        "enforce-auth",
        0.06,
        properties={"zookeeper.enforce.auth.enabled": "true", "zookeeper.enforce.auth.schemes": "digest"},
        auth_required=True,
    ),
    # fsync on, small files: the logs roll and snapshots are written all the time.
    Config(
        "small",
        0.08,
        config=["forceSync=yes", "snapCount=300", "preAllocSize=64"],
        properties={"jute.maxbuffer": "4096"},
        max_frame=4096,
    ),
]
