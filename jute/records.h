/* Every record of the protocols and of the files, each from one field list
 * (client-protocol 1.3, 1.4; storage-format 2, 3; quorum-protocol 1.8, 2, 3).
 *
 * A list NAME(F) names the fields in wire order. From it come
 *   struct name;
 *   void jute_read_name(struct jute_in *in, struct name *ret);
 *   size_t jute_size_name(const struct name *r);          bytes on the wire
 *   uint8_t *jute_store_name(uint8_t *p, const struct name *r);
 *   void jute_write_name(struct bytes *out, const struct name *r);
 *   void jute_print_name(struct bytes *out, const struct name *r);
 * Reading borrows from the frame and leaves its verdict in in->bad (jute/codec.h);
 * it does not mind bytes behind the record, as ZK does not. Storing writes to
 * memory of at least jute_size_name(r) bytes and returns what follows. Printing
 * appends one bounded line of text, for logs and tools; secrets are left out.
 *
 * Field types and what they are in C:
 *   i32, i64    int32_t, int64_t
 *   hex         int64_t, printed in hex: zxids, session ids
 *   flag        bool
 *   str, buf    struct jute_bytes
 *   secret      struct jute_bytes that no log may show: passwords, tokens
 *   strs        struct jute_vector of ustrings: walk with jute_next_str()
 *   acls        struct jute_vector of ACLs: jute_next_acl()
 *   ids         struct jute_vector of (scheme, id): jute_next_id()
 *   txns        struct jute_vector of (type, record): jute_next_txn()
 *   zk_stat, stat_persisted   these records, nested
 *
 * The stat of a znode is struct zk_stat: libc has the shorter name already. */
#ifndef JUTE_RECORDS_H
#define JUTE_RECORDS_H

#include "jute/expand.h"

/* clang-format off */

/* ---- Shared. */

/* What clients see of a znode: 68 bytes. */
#define ZK_STAT(F) \
    F(hex, czxid) F(hex, mzxid) F(i64, ctime_ms) F(i64, mtime_ms) F(i32, version) \
    F(i32, cversion) F(i32, aversion) F(hex, ephemeral_owner) F(i32, data_length) \
    F(i32, num_children) F(hex, pzxid)

/* What a snapshot keeps of it: 60 bytes. cversion and ephemeral_owner are raw. */
#define STAT_PERSISTED(F) \
    F(hex, czxid) F(hex, mzxid) F(i64, ctime_ms) F(i64, mtime_ms) F(i32, version) \
    F(i32, cversion) F(i32, aversion) F(hex, ephemeral_owner) F(hex, pzxid)

/* ---- Connection. */

/* A readOnly flag follows in the requests of all but very old clients, and then
 * also in the response. It is not part of these lists: whoever reads the request
 * calls jute_read_flag() if a byte is left, and answers with jute_write_flag(). */
#define CONNECT_REQUEST(F) \
    F(i32, protocol_version) F(hex, last_zxid_seen) F(i32, timeout_ms) F(hex, session_id) \
    F(secret, passwd)

#define CONNECT_RESPONSE(F) \
    F(i32, protocol_version) F(i32, timeout_ms) F(hex, session_id) F(secret, passwd)

#define REQUEST_HEADER(F) F(i32, xid) F(i32, type)

#define REPLY_HEADER(F) F(i32, xid) F(hex, zxid) F(i32, err)

/* type is always sent as 0 and never looked at. */
#define AUTH_PACKET(F) F(i32, type) F(str, scheme) F(secret, auth)

/* The request and the response of opcode sasl. */
#define SASL_TOKEN(F) F(secret, token)

#define WATCHER_EVENT(F) F(i32, type) F(i32, state) F(str, path)

#define ERROR_RESPONSE(F) F(i32, err)

/* ---- Multi and multiRead: (multi_header, record) ..., and a header with done set. */

#define MULTI_HEADER(F) F(i32, type) F(flag, done) F(i32, err)

/* ---- Writes. */

/* Also create2 and createContainer. flags is an enum zk_create_mode. */
#define CREATE_REQUEST(F) F(str, path) F(buf, data) F(acls, acl) F(i32, flags)

#define CREATE_TTL_REQUEST(F) F(str, path) F(buf, data) F(acls, acl) F(i32, flags) F(i64, ttl_ms)

#define CREATE_RESPONSE(F) F(str, path)

#define CREATE2_RESPONSE(F) F(str, path) F(zk_stat, stat)

/* Wherever a version is asked for, -1 is any. */
#define DELETE_REQUEST(F) F(str, path) F(i32, version)

#define DELETE_CONTAINER_REQUEST(F) F(str, path)

#define SET_DATA_REQUEST(F) F(str, path) F(buf, data) F(i32, version)

#define SET_DATA_RESPONSE(F) F(zk_stat, stat)

#define SET_ACL_REQUEST(F) F(str, path) F(acls, acl) F(i32, version)

#define SET_ACL_RESPONSE(F) F(zk_stat, stat)

#define CHECK_VERSION_REQUEST(F) F(str, path) F(i32, version)

#define SYNC_REQUEST(F) F(str, path)

#define SYNC_RESPONSE(F) F(str, path)

#define RECONFIG_REQUEST(F) \
    F(str, joining_servers) F(str, leaving_servers) F(str, new_members) \
    F(hex, cur_config_id)

/* ---- Reads. */

#define EXISTS_REQUEST(F) F(str, path) F(flag, watch)

#define EXISTS_RESPONSE(F) F(zk_stat, stat)

#define GET_DATA_REQUEST(F) F(str, path) F(flag, watch)

#define GET_DATA_RESPONSE(F) F(buf, data) F(zk_stat, stat)

#define GET_ACL_REQUEST(F) F(str, path)

#define GET_ACL_RESPONSE(F) F(acls, acl) F(zk_stat, stat)

#define GET_CHILDREN_REQUEST(F) F(str, path) F(flag, watch)

#define GET_CHILDREN_RESPONSE(F) F(strs, children)

#define GET_CHILDREN2_REQUEST(F) F(str, path) F(flag, watch)

#define GET_CHILDREN2_RESPONSE(F) F(strs, children) F(zk_stat, stat)

#define GET_ALL_CHILDREN_NUMBER_REQUEST(F) F(str, path)

#define GET_ALL_CHILDREN_NUMBER_RESPONSE(F) F(i32, total_number)

#define GET_EPHEMERALS_REQUEST(F) F(str, prefix_path)

#define GET_EPHEMERALS_RESPONSE(F) F(strs, ephemerals)

#define WHOAMI_RESPONSE(F) F(ids, client_info)

/* The three about max children are declared by ZK, but no opcode carries them. */
#define GET_MAX_CHILDREN_REQUEST(F) F(str, path)

#define GET_MAX_CHILDREN_RESPONSE(F) F(i32, max)

#define SET_MAX_CHILDREN_REQUEST(F) F(str, path) F(i32, max)

/* ---- Watches. */

#define SET_WATCHES(F) \
    F(hex, relative_zxid) F(strs, data_watches) F(strs, exist_watches) \
    F(strs, child_watches)

#define SET_WATCHES2(F) \
    F(hex, relative_zxid) F(strs, data_watches) F(strs, exist_watches) \
    F(strs, child_watches) F(strs, persistent_watches) F(strs, persistent_recursive_watches)

/* mode is an enum zk_add_watch_mode. */
#define ADD_WATCH_REQUEST(F) F(str, path) F(i32, mode)

/* type is an enum zk_watcher_type. */
#define CHECK_WATCHES_REQUEST(F) F(str, path) F(i32, type)

#define REMOVE_WATCHES_REQUEST(F) F(str, path) F(i32, type)

/* ---- Txns: the log, and what the leader proposes. */

/* 32 bytes in front of every txn record. type is an enum zk_op. Behind the record
 * comes a txn_digest if 12 bytes are left. */
#define TXN_HEADER(F) F(hex, session_id) F(i32, cxid) F(hex, zxid) F(i64, time_ms) F(i32, type)

#define TXN_DIGEST(F) F(i32, version) F(hex, tree_digest)

/* Also create2. parent_cversion -1 is "increment it yourself". */
#define CREATE_TXN(F) \
    F(str, path) F(buf, data) F(acls, acl) F(flag, ephemeral) F(i32, parent_cversion)

/* What very old logs have: read as create_txn with parent_cversion -1. */
#define CREATE_TXN_V0(F) F(str, path) F(buf, data) F(acls, acl) F(flag, ephemeral)

#define CREATE_CONTAINER_TXN(F) F(str, path) F(buf, data) F(acls, acl) F(i32, parent_cversion)

#define CREATE_TTL_TXN(F) \
    F(str, path) F(buf, data) F(acls, acl) F(i32, parent_cversion) F(i64, ttl_ms)

/* Also deleteContainer. */
#define DELETE_TXN(F) F(str, path)

/* Also reconfig. version is the new one. */
#define SET_DATA_TXN(F) F(str, path) F(buf, data) F(i32, version)

/* Only inside a multi. version is the current one + 1. */
#define CHECK_VERSION_TXN(F) F(str, path) F(i32, version)

/* version is the new aversion. */
#define SET_ACL_TXN(F) F(str, path) F(acls, acl) F(i32, version)

#define ERROR_TXN(F) F(i32, err)

#define CREATE_SESSION_TXN(F) F(i32, timeout_ms)

/* May be absent altogether (zookeeper.closeSessionTxn.enabled=false). */
#define CLOSE_SESSION_TXN(F) F(strs, paths_to_delete)

/* The header, zxid and time of the multi hold for all; no digests inside. */
#define MULTI_TXN(F) F(txns, txns)

/* ---- Files. */

/* First 16 bytes of a log and of a snapshot. */
#define FILE_HEADER(F) F(i32, magic) F(i32, version) F(i64, dbid)

/* In front of each log entry; `length` bytes and the end mark follow. */
#define LOG_ENTRY_HEAD(F) F(i64, checksum) F(i32, length)

#define SNAPSHOT_SESSION(F) F(hex, session_id) F(i32, timeout_ms)

#define SNAPSHOT_ACL(F) F(i64, acl_id) F(acls, acl)

/* Behind the path of each node, which is read first: "/" ends the nodes. */
#define SNAPSHOT_NODE(F) F(buf, data) F(i64, acl_id) F(stat_persisted, stat)

#define SNAPSHOT_SEAL(F) F(i64, checksum) F(str, mark)

#define SNAPSHOT_DIGEST(F) F(hex, zxid) F(i32, version) F(hex, tree_digest)

/* ---- Between servers: election port (inside its own frames). */

/* Sent once, without a frame. version is negative. */
#define ELECTION_HELLO(F) F(i64, version) F(i64, sid) F(str, addresses)

/* Format version 2. Shorter, older forms exist: quorum-protocol 2.4. */
#define VOTE_NOTIFICATION(F) \
    F(i32, state) F(i64, leader) F(hex, zxid) F(i64, round) F(i64, peer_epoch) \
    F(i32, version) F(str, config)

/* ---- Between servers: quorum port. */

/* The envelope of everything; it has no outer length. */
#define QUORUM_PACKET(F) F(i32, type) F(hex, zxid) F(buf, data) F(ids, authinfo)

#define QUORUM_AUTH_PACKET(F) F(i64, magic) F(i32, status) F(secret, token)

/* Data of FOLLOWERINFO and OBSERVERINFO. The last fields may be missing: 8 and
 * 12 bytes are also valid. */
#define LEARNER_INFO(F) F(i64, sid) F(i32, protocol_version) F(hex, config_version)

/* Data of LEADERINFO. */
#define PROTOCOL_VERSION(F) F(i32, version)

/* Data of ACKEPOCH: currentEpoch, or -1 for "do not count me". */
#define EPOCH_ACK(F) F(i32, epoch)

/* Data of COMMITANDACTIVATE; in front of the entry in INFORMANDACTIVATE. */
#define DESIGNATED_LEADER(F) F(i64, sid)

/* Data of REQUEST; the request record follows. */
#define FORWARDED_REQUEST(F) F(hex, session_id) F(i32, cxid) F(i32, type)

/* Data of a PING answer (many) and of the REVALIDATE question (one). */
#define SESSION_TOUCH(F) F(hex, session_id) F(i32, timeout_ms)

/* Data of the REVALIDATE answer. */
#define SESSION_VALIDITY(F) F(hex, session_id) F(flag, is_valid)

/* All of them, nested ones before those that hold them. */
#define JUTE_RECORDS(R) \
    R(zk_stat, ZK_STAT) \
    R(stat_persisted, STAT_PERSISTED) \
    R(connect_request, CONNECT_REQUEST) \
    R(connect_response, CONNECT_RESPONSE) \
    R(request_header, REQUEST_HEADER) \
    R(reply_header, REPLY_HEADER) \
    R(auth_packet, AUTH_PACKET) \
    R(sasl_token, SASL_TOKEN) \
    R(watcher_event, WATCHER_EVENT) \
    R(error_response, ERROR_RESPONSE) \
    R(multi_header, MULTI_HEADER) \
    R(create_request, CREATE_REQUEST) \
    R(create_ttl_request, CREATE_TTL_REQUEST) \
    R(create_response, CREATE_RESPONSE) \
    R(create2_response, CREATE2_RESPONSE) \
    R(delete_request, DELETE_REQUEST) \
    R(delete_container_request, DELETE_CONTAINER_REQUEST) \
    R(set_data_request, SET_DATA_REQUEST) \
    R(set_data_response, SET_DATA_RESPONSE) \
    R(set_acl_request, SET_ACL_REQUEST) \
    R(set_acl_response, SET_ACL_RESPONSE) \
    R(check_version_request, CHECK_VERSION_REQUEST) \
    R(sync_request, SYNC_REQUEST) \
    R(sync_response, SYNC_RESPONSE) \
    R(reconfig_request, RECONFIG_REQUEST) \
    R(exists_request, EXISTS_REQUEST) \
    R(exists_response, EXISTS_RESPONSE) \
    R(get_data_request, GET_DATA_REQUEST) \
    R(get_data_response, GET_DATA_RESPONSE) \
    R(get_acl_request, GET_ACL_REQUEST) \
    R(get_acl_response, GET_ACL_RESPONSE) \
    R(get_children_request, GET_CHILDREN_REQUEST) \
    R(get_children_response, GET_CHILDREN_RESPONSE) \
    R(get_children2_request, GET_CHILDREN2_REQUEST) \
    R(get_children2_response, GET_CHILDREN2_RESPONSE) \
    R(get_all_children_number_request, GET_ALL_CHILDREN_NUMBER_REQUEST) \
    R(get_all_children_number_response, GET_ALL_CHILDREN_NUMBER_RESPONSE) \
    R(get_ephemerals_request, GET_EPHEMERALS_REQUEST) \
    R(get_ephemerals_response, GET_EPHEMERALS_RESPONSE) \
    R(whoami_response, WHOAMI_RESPONSE) \
    R(get_max_children_request, GET_MAX_CHILDREN_REQUEST) \
    R(get_max_children_response, GET_MAX_CHILDREN_RESPONSE) \
    R(set_max_children_request, SET_MAX_CHILDREN_REQUEST) \
    R(set_watches, SET_WATCHES) \
    R(set_watches2, SET_WATCHES2) \
    R(add_watch_request, ADD_WATCH_REQUEST) \
    R(check_watches_request, CHECK_WATCHES_REQUEST) \
    R(remove_watches_request, REMOVE_WATCHES_REQUEST) \
    R(txn_header, TXN_HEADER) \
    R(txn_digest, TXN_DIGEST) \
    R(create_txn, CREATE_TXN) \
    R(create_txn_v0, CREATE_TXN_V0) \
    R(create_container_txn, CREATE_CONTAINER_TXN) \
    R(create_ttl_txn, CREATE_TTL_TXN) \
    R(delete_txn, DELETE_TXN) \
    R(set_data_txn, SET_DATA_TXN) \
    R(check_version_txn, CHECK_VERSION_TXN) \
    R(set_acl_txn, SET_ACL_TXN) \
    R(error_txn, ERROR_TXN) \
    R(create_session_txn, CREATE_SESSION_TXN) \
    R(close_session_txn, CLOSE_SESSION_TXN) \
    R(multi_txn, MULTI_TXN) \
    R(file_header, FILE_HEADER) \
    R(log_entry_head, LOG_ENTRY_HEAD) \
    R(snapshot_session, SNAPSHOT_SESSION) \
    R(snapshot_acl, SNAPSHOT_ACL) \
    R(snapshot_node, SNAPSHOT_NODE) \
    R(snapshot_seal, SNAPSHOT_SEAL) \
    R(snapshot_digest, SNAPSHOT_DIGEST) \
    R(election_hello, ELECTION_HELLO) \
    R(vote_notification, VOTE_NOTIFICATION) \
    R(quorum_packet, QUORUM_PACKET) \
    R(quorum_auth_packet, QUORUM_AUTH_PACKET) \
    R(learner_info, LEARNER_INFO) \
    R(protocol_version, PROTOCOL_VERSION) \
    R(epoch_ack, EPOCH_ACK) \
    R(designated_leader, DESIGNATED_LEADER) \
    R(forwarded_request, FORWARDED_REQUEST) \
    R(session_touch, SESSION_TOUCH) \
    R(session_validity, SESSION_VALIDITY)
/* clang-format on */

JUTE_RECORDS(JUTE_DEFINE_RECORD)

#endif
