// Owns the completion of command lines in bash: a script made of the tables of flags, subcommands, CPU
// models, features and devices.
#include <fmt/format.h>

#include "cpu/state/model.h"
#include "frontend/program/listings.h"
#include "frontend/program/manual.h"
#include "frontend/program/options.h"

namespace ringside {
namespace {

// Values that the table of flags describes only in words.
struct Values {
  std::string_view flag, words;
};
constexpr Values known_values[] = {{"accel", "emitted reference tcg"},
                                   {"machine", "pc"},
                                   {"M", "pc"},
                                   {"serial", "stdio null pty file: tcp: unix: chardev:"},
                                   {"debugcon", "stdio null pty file: tcp: unix: chardev:"},
                                   {"gdb", "tcp::1234 unix:"},
                                   {"rtc", "base=utc base=localtime"}};

std::string spaced(std::string_view alternatives) {
  std::string words(alternatives);
  for (char& c : words) {
    if (c == '|') c = ' ';
  }
  return words;
}

// `ringside devices` tells them in QEMU's form: name "X", bus Y.
std::string optional_devices() {
  constexpr std::string_view before = "name \"";
  std::string words;
  const std::string text = devices_text();
  for (std::size_t at = text.find(before); at != text.npos; at = text.find(before, at)) {
    at += before.size();
    words += text.substr(at, text.find('"', at) - at) + " ";
  }
  return words;
}

// The words that the flag's value may be; empty: anything.
std::string words_of(const Option& option) {
  for (const Values& values : known_values) {
    if (values.flag == option.name) return std::string(values.words);
  }
  std::string words;
  if (option.name == "cpu") {
    for (const std::string_view model : cpu_model_names()) words += fmt::format("{} ", model);
  } else if (option.name == "device") {
    words = optional_devices();
  } else if (option.argument.find_first_not_of("abcdefghijklmnopqrstuvwxyz|") == std::string_view::npos) {
    words = spaced(option.argument);
  }
  return words;
}

std::string features() {
  std::string words;
  const auto add = [&](std::string_view name) {
    if (!name.empty()) words += fmt::format("+{0} -{0} ", name);
  };
  for (unsigned n = 0; n < static_cast<unsigned>(Feature::count); ++n)
    add(feature_name(static_cast<Feature>(n)));
  for (unsigned n = 0; n < static_cast<unsigned>(Flag::count); ++n) add(flag_name(static_cast<Flag>(n)));
  return words;
}

// The branches of the script's case over the flag before the word; those of one answer together.
std::string value_cases() {
  std::string files, free, cases;
  for (const Option& option : option_table()) {
    if (option.name.empty() || option.argument.empty()) continue;
    const std::string words = words_of(option);
    if (option.argument.starts_with("FILE")) {
      files += fmt::format("{}{}", files.empty() ? "" : " | ", option.name);
    } else if (words.empty()) {
      free += fmt::format("{}{}", free.empty() ? "" : " | ", option.name);
    } else if (option.name == "cpu") {
      cases += fmt::format("    cpu) if [[ $word == *,* ]]; then words='{}'; else words='{}'; fi ;;\n",
                           features(), words);
    } else {
      cases += fmt::format("    {}) words='{}' ;;\n", option.name, words);
    }
  }
  return fmt::format("    {}) files=1 ;;\n    {}) return ;;\n{}", files, free, cases);
}

std::string flag_words() {
  std::string words;
  for (const Option& option : option_table()) {
    if (!option.name.empty()) words += fmt::format("{}{} ", option.own ? "--" : "-", option.name);
  }
  return words;
}

// What a subcommand takes behind it, where it is not flags.
std::string subcommand_cases(std::span<const SubcommandHelp> subcommands) {
  std::string cases;
  for (const SubcommandHelp& s : subcommands) {
    if (s.arguments == "[FLAG...]") continue;
    if (!s.flags.empty()) {
      std::string own;
      for (const FlagHelp& flag : s.flags) own += fmt::format("{} ", flag.name);
      cases +=
          fmt::format("    {}) if [[ $word == -* ]]; then words='{}'; else files=1; fi ;;\n", s.name, own);
      continue;
    }
    std::string_view words = s.arguments;
    if (words.starts_with('[') && words.ends_with(']')) words = words.substr(1, words.size() - 2);
    cases += fmt::format("    {}) words='{}' ;;\n", s.name, spaced(words));
  }
  return cases;
}

}  // namespace

std::string bash_completion(std::span<const SubcommandHelp> subcommands) {
  std::string names;
  for (const SubcommandHelp& s : subcommands) names += fmt::format("{} ", s.name);
  // Bash makes words of = and : as well.
  return fmt::format(
      "# bash completion for ringside; made by ringside help bash\n"
      "_ringside() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} flag=${{COMP_WORDS[COMP_CWORD-1]}} name= words= head= "
      "files=\n"
      "  COMPREPLY=()\n"
      "  if [[ $word == [=:] ]]; then\n"
      "    [[ $word != : ]] || files=1\n"
      "    word=\n"
      "  elif [[ $flag == [=:] ]]; then\n"
      "    [[ $flag != : ]] || files=1\n"
      "    flag=${{COMP_WORDS[COMP_CWORD-2]}}\n"
      "  fi\n"
      "  [[ $flag != -* ]] || name=${{flag#-}} name=${{name#-}}\n"
      "  [[ $files ]] || case $name in\n"
      "{}"
      "    *) case ${{COMP_WORDS[1]}} in\n"
      "{}"
      "    *) words='{}' ;;\n"
      "    esac\n"
      "    [[ $COMP_CWORD -ne 1 || $word == -* ]] || words='{}' ;;\n"
      "  esac\n"
      "  if [[ $files ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
      "    compopt -o filenames 2>/dev/null\n"
      "    return\n"
      "  fi\n"
      "  [[ $word != *,* ]] || head=${{word%,*}},\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${{word#\"$head\"}}\")\n"
      "  COMPREPLY=(\"${{COMPREPLY[@]/#/$head}}\")\n"
      "}}\n"
      "complete -F _ringside ringside\n",
      value_cases(), subcommand_cases(subcommands), flag_words(), names);
}

}  // namespace ringside
