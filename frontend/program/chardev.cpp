// Owns the readers of -serial's and -chardev's places.
#include "frontend/program/chardev.h"

#include <fmt/format.h>

#include "frontend/gdb/sockets.h"
#include "frontend/program/option_values.h"

namespace ringside {
namespace {

constexpr std::string_view this_host = "127.0.0.1";
constexpr std::string_view places =
    "choose stdio, null, file:PATH, pty, tcp:HOST:PORT, unix:PATH or chardev:ID";

bool is_port(const std::string& text) {
  const auto number = parse_number(text);
  return number && *number <= 65535 && text.find_first_not_of("0123456789") == std::string::npos;
}

// "server", "nowait", "wait=off", "server=on": what is said of a socket behind its address. False: unknown.
bool socket_option(const Property& property, Chardev& device) {
  const bool on = property.value.empty() || property.value == "on" || property.value == "yes";
  if (property.name == "server") {
    device.server = on;
  } else if (property.name == "wait") {
    device.wait = on;
  } else if (property.name == "nowait") {
    device.wait = !on;
  } else {
    // They tune QEMU's sockets and change nothing that is seen.
    return property.name == "nodelay" || property.name == "delay" || property.name == "ipv4" ||
           property.name == "ipv6" || property.name == "reconnect" || property.name == "telnet";
  }
  return true;
}

// "HOST:PORT", "[::1]:PORT", ":PORT". False: no port.
bool split_host(std::string_view text, Chardev& device) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  device.host = host.empty() ? this_host : host;
  device.port = text.substr(colon + 1);
  return is_port(device.port);
}

// What is wrong with a socket; empty: nothing.
std::string wrong_socket(const Chardev& device) {
  if (device.kind == Chardev::Kind::tcp)
    return is_port(device.port) ? "" : "no port; write tcp:HOST:PORT, with ,server to listen there";
  if (device.path.empty()) return "no path; write unix:PATH, with ,server to listen there";
  return fits_socket_name(device.path) ? "" : "the path is too long for a socket; choose a shorter one";
}

std::optional<Chardev> parse_socket(std::string_view flag, std::string_view text, std::string& error) {
  const bool tcp = text.starts_with("tcp:");
  Chardev device;
  device.kind = tcp ? Chardev::Kind::tcp : Chardev::Kind::unix_socket;
  const auto properties = parse_properties(text.substr(text.find(':') + 1));
  // The address may hold an equals sign, which parse_properties() has split.
  const Property& first = properties.front();
  const std::string address = first.value.empty() ? first.name : first.name + "=" + first.value;
  if (tcp)
    split_host(address, device);
  else
    device.path = address;
  std::string wrong = wrong_socket(device);
  for (std::size_t n = 1; wrong.empty() && n < properties.size(); ++n) {
    if (properties[n].name == "telnet" && properties[n].value != "off" && properties[n].value != "no")
      wrong = "telnet's protocol is not spoken; use nc or socat without it";
    else if (!socket_option(properties[n], device))
      wrong = fmt::format("{} is unknown; write ,server and ,nowait behind the address", properties[n].name);
  }
  if (wrong.empty()) return device;
  error = fmt::format("{} {}: {}", flag, text, wrong);
  return std::nullopt;
}

}  // namespace

std::optional<Chardev> parse_chardev_place(std::string_view flag, std::string_view text, std::string& error) {
  const std::string_view whole = text;
  if (text.starts_with("mon:")) text.remove_prefix(4);  // there is no monitor to share the place with
  Chardev device;
  if (text == "null" || text == "none") return device;
  if (text == "stdio" || text == "pty") {
    device.kind = text == "pty" ? Chardev::Kind::pty : Chardev::Kind::standard;
    return device;
  }
  if (text.starts_with("tcp:") || text.starts_with("unix:")) return parse_socket(flag, text, error);
  const bool file = text.starts_with("file:");
  if (file || text.starts_with("chardev:")) {
    device.kind = file ? Chardev::Kind::file : Chardev::Kind::named;
    device.path = text.substr(text.find(':') + 1);
    if (!device.path.empty()) return device;
    error = file ? fmt::format("{0} file:: no path behind the colon; write {0} file:PATH", flag)
                 : fmt::format("{0} chardev:: no id behind the colon; write {0} chardev:ID", flag);
    return std::nullopt;
  }
  if (text == "vc" || text.starts_with("vc:"))
    error = fmt::format("{} {}: no window shows serial ports; use stdio, pty or file:PATH", flag, whole);
  else if (text.starts_with("telnet:") || text.starts_with("udp:") || text.starts_with("websocket:"))
    error = fmt::format("{} {}: not spoken here; use tcp:HOST:PORT,server", flag, whole);
  else if (text.starts_with("pipe:") || text.starts_with("/dev/"))
    error = fmt::format(
        "{} {}: not read from; use file:PATH to write there, or pty, tcp:, unix: for both ways", flag, whole);
  else
    error = fmt::format("{} {}: no such place; {}", flag, whole, places);
  return std::nullopt;
}

std::optional<NamedChardev> parse_named_chardev(std::string_view text, std::string& error) {
  const auto properties = parse_properties(text);
  const std::string& kind = properties.front().name;
  const auto wrong = [&](std::string_view why) -> std::optional<NamedChardev> {
    error = fmt::format("-chardev {}: {}", text, why);
    return std::nullopt;
  };
  NamedChardev made;
  Chardev& device = made.device;
  if (kind == "stdio") {
    device.kind = Chardev::Kind::standard;
  } else if (kind == "file") {
    device.kind = Chardev::Kind::file;
  } else if (kind == "pty") {
    device.kind = Chardev::Kind::pty;
  } else if (kind == "socket") {
    device.kind = Chardev::Kind::unix_socket;
  } else if (kind != "null") {
    return wrong(fmt::format("there is no kind {}; choose stdio, null, file, pty or socket", kind));
  }
  const bool socket = kind == "socket";
  for (std::size_t n = 1; n < properties.size(); ++n) {
    const auto& [name, value] = properties[n];
    if (name == "id") {
      made.id = value;
    } else if (name == "path" && (socket || kind == "file")) {
      device.path = value;
    } else if (name == "append" && kind == "file") {
      device.append = value == "on";
    } else if ((name == "host" || name == "port") && socket) {
      device.kind = Chardev::Kind::tcp;
      (name == "host" ? device.host : device.port) = value;
    } else if (name != "mux" && name != "signal" && !(socket && socket_option(properties[n], device))) {
      return wrong(fmt::format("{} is no setting of {}", name, kind));
    }
  }
  if (made.id.empty()) return wrong("it has no id; add ,id=NAME, and name it by -serial chardev:NAME");
  if (kind == "file" && device.path.empty()) return wrong("it has no path; add ,path=FILE");
  if (!socket) return made;
  if (device.kind == Chardev::Kind::tcp && device.host.empty()) device.host = this_host;
  const std::string why = wrong_socket(device);
  return why.empty() ? std::optional(made) : wrong(why);
}

}  // namespace ringside
