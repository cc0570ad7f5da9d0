// Owns the grammar that TAP and the kernel's KTAP share: plans, test points with directives, and streams that
// stand indented within others.
#pragma once

#include <optional>
#include <vector>

#include "frontend/conform/protocols/collector.h"

namespace ringside::conform {

enum class TapDialect : u8 {
  plain,   // TAP 12 to 14: YAML blocks, comments
  kernel,  // KTAP: "[    1.234567] " before lines, directives of its own, kselftest's subtests behind "# "
};

class TapStream final : public Collector {
 public:
  explicit TapStream(TapDialect dialect) : dialect_(dialect) { levels_.emplace_back(); }

 private:
  // A stream: the outermost one or a subtest's.
  struct Level {
    std::size_t indent = 0;
    std::size_t first = 0;  // check of this stream
    u64 points = 0;
    std::optional<u64> plan;
    std::string name;  // of the subtest, where a comment says it
    // What has come of streams within this one and waits for the point that is their sum.
    std::optional<std::size_t> children;  // the first check
    std::string children_name;
    u64 failures_before = 0;  // this stream
    u64 children_failures_before = 0;
  };
  struct Point {
    bool ok = false;
    std::optional<u64> number;
    std::string name;
    Verdict verdict = Verdict::failed;
    std::string message;
  };

  void read(std::string_view text, u64 number) override;
  void finish() override;

  bool read_yaml(std::string_view line, std::size_t indent);
  bool read_structure(std::string_view body, std::size_t indent);
  bool read_point(std::string_view body, std::size_t indent);
  bool read_plan(std::string_view body, std::size_t indent);
  void read_directive(std::string_view text, Point& point);
  Level& level(std::size_t indent);
  void close(Level& level);
  void pop();
  void begin_again(Level& level);
  void add_point(Level& level, const Point& point);

  TapDialect dialect_;
  std::vector<Level> levels_;  // the outermost first; never empty
  std::string subtest_;        // of a comment, until its stream begins
  u64 failures_ = 0;
  bool in_yaml_ = false;
  std::size_t yaml_indent_ = 0;
  std::optional<std::size_t> yaml_of_;  // the check that a YAML block would belong to
  std::size_t point_indent_ = 0;
};

}  // namespace ringside::conform
