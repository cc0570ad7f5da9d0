// Owns the editing of lines, by libedit.
#include "frontend/commands/console.h"

#include <histedit.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <utility>

namespace ringside {
namespace {

constexpr int remembered_lines = 1000;

const char* prompt(EditLine*) { return "(ringside) "; }

// Below the home directory; empty: nowhere.
std::string history_file() {
  const char* home = std::getenv("HOME");
  return home && *home ? std::string(home) + "/.ringside_history" : std::string();
}

}  // namespace

struct Console::Editor {
  explicit Editor(Console& c)
      : console(c), commands(c.commands_), edit(el_init("ringside", stdin, stdout, stderr)) {
    if (!edit) return;
    history = history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, remembered_lines);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (const std::string file = history_file(); !file.empty())
      ::history(history, &event, H_LOAD, file.c_str());
    el_set(edit, EL_PROMPT, prompt);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_HIST, ::history, history);
    el_set(edit, EL_CLIENTDATA, this);
    el_set(edit, EL_GETCFN, next_character);
    el_set(edit, EL_ADDFN, "complete", "Complete a word", complete);
    el_set(edit, EL_BIND, "^I", "complete", nullptr);
    el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(edit, nullptr);
  }
  ~Editor() {
    if (!edit) return;
    HistEvent event;
    if (const std::string file = history_file(); !file.empty())
      ::history(history, &event, H_SAVE, file.c_str());
    history_end(history);
    el_end(edit);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  // 1: a character; 0: the input has ended; -1: errno says why there is none.
  static int next_character(EditLine* edit, wchar_t* character) {
    Editor* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    std::mbstate_t state{};
    for (;;) {
      const Waited waited = self->console.wait_ ? self->console.wait_() : Waited::input;
      if (waited == Waited::over) return 0;
      if (waited == Waited::interrupted) {
        errno = EINTR;
        return -1;
      }
      char byte = 0;
      const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
      if (got <= 0) return static_cast<int>(got);
      const std::size_t used = std::mbrtowc(character, &byte, 1, &state);
      if (used == static_cast<std::size_t>(-2)) continue;  // more bytes belong to it
      if (used == static_cast<std::size_t>(-1)) state = {};
      if (used <= 1) return 1;
    }
  }

  // The longest beginning that all have in common; a second time shows them.
  static unsigned char complete(EditLine* edit, int) {
    Editor* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    const LineInfo* info = el_line(edit);
    const std::string line(info->buffer, info->cursor);
    const std::size_t blank = line.find_last_of(" \t[(");
    const std::string word = blank == line.npos ? line : line.substr(blank + 1);
    const std::vector<std::string> found = self->commands.complete(line);
    if (found.empty()) return CC_ERROR;
    std::string common = found.front();
    for (const std::string& one : found)
      common.resize(static_cast<std::size_t>(
          std::mismatch(common.begin(), common.end(), one.begin(), one.end()).first - common.begin()));
    std::string more = common.size() > word.size() ? common.substr(word.size()) : std::string();
    if (found.size() == 1) more += ' ';
    if (!more.empty()) return el_insertstr(edit, more.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    std::fputc('\n', stdout);
    for (const std::string& one : found) std::printf("%s  ", one.c_str());
    std::fputc('\n', stdout);
    return CC_REDISPLAY;
  }

  Console& console;
  Commands& commands;
  EditLine* edit;
  History* history = nullptr;
};

Console::Console(Commands& commands) : commands_(commands) {
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return;
  editor_ = std::make_unique<Editor>(*this);
  if (!editor_->edit) editor_.reset();
}
Console::~Console() = default;

std::optional<std::string> Console::line() { return editor_ ? edited_line() : plain_line(); }

std::optional<std::string> Console::plain_line() {
  for (;;) {
    if (const std::size_t end = read_.find('\n'); end != read_.npos) {
      std::string text = read_.substr(0, end);
      read_.erase(0, end + 1);
      return text;
    }
    const Waited waited = wait_ ? wait_() : Waited::input;
    if (waited == Waited::over) return std::nullopt;
    if (waited == Waited::interrupted) continue;
    std::array<char, 4096> chunk;
    const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    read_.append(chunk.data(), static_cast<std::size_t>(got));
  }
  if (read_.empty()) return std::nullopt;
  return std::exchange(read_, {});
}

void Console::show_prompt() {
  if (editor_) el_set(editor_->edit, EL_REFRESH);
}

std::optional<std::string> Console::edited_line() {
  std::string text;
  for (;;) {
    int length = 0;
    errno = 0;
    const char* got = el_gets(editor_->edit, &length);
    if (got) {
      text.assign(got, static_cast<std::size_t>(length));
      break;
    }
    // Ctrl-C while a line is typed: a new line.
    if (errno != EINTR) {
      std::fputc('\n', stdout);
      return std::nullopt;
    }
    el_reset(editor_->edit);
    std::fputc('\n', stdout);
  }
  if (!trimmed(text).empty()) {
    HistEvent event;
    ::history(editor_->history, &event, H_ENTER, text.c_str());
  }
  return text;
}

// Whoever sits at a terminal is asked.
bool Console::asks(const std::string& question) {
  std::printf("%s; y goes on, n does not\n", question.c_str());
  const auto answer = line();
  return answer && (trimmed(*answer) == "y" || trimmed(*answer) == "yes");
}

void Console::converse() {
  if (editor_) commands_.on_question([this](const std::string& question) { return asks(question); });
  std::string before;
  while (auto text = line()) {
    std::string now(trimmed(*text));
    if (now.empty() && editor_ && Commands::repeats(before)) now = before;
    if (around_) around_(true);
    const Commands::Result result = commands_.execute(now);
    const bool goes_on = !around_ || around_(false);
    if (result == Commands::Result::quit || !goes_on) break;
    if (!now.empty()) before = now;
  }
  commands_.on_question({});
}

}  // namespace ringside
