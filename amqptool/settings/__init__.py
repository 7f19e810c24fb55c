"""Where to connect, and which setting said so.

============  ======================================================
url           the URLs of brokers, and their options
etcd_url      the URLs of keys in etcd whose values are those
config_file   TOML files with profiles
profiles      which profile is meant
passwords     where the password of a profile comes from
resolve       which setting wins
files         opening a file that settings are read from
paths         places of files that nobody gave one for
============  ======================================================
"""

#: What is said to have set a value when nothing did.
DEFAULT_ORIGIN = "the default"
