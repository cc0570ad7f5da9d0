// Owns the host's stream sockets: listening at a place and connecting to one, with the words for what goes
// wrong.
#pragma once

#include <string>

namespace ringside {

// `flag` is named in errors ("-gdb"). Each returns a descriptor that does not block, or -1 and one line in
// `error`. A socket's file that a run which was killed has left behind is replaced.
int listen_unix(const std::string& flag, const std::string& path, std::string& error);
// `address` becomes what to give to a client: "127.0.0.1:1234".
int listen_tcp(const std::string& flag, const std::string& host, const std::string& port,
               std::string& address, std::string& error);
// These wait until the other side answers, or a signal comes.
int connect_unix(const std::string& flag, const std::string& path, std::string& error);
int connect_tcp(const std::string& flag, const std::string& host, const std::string& port,
                std::string& error);

// Whether a path is short enough for a socket's name.
bool fits_socket_name(const std::string& path);

}  // namespace ringside
