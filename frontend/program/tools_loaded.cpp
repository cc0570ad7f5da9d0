// Owns the tools of a program that loads them when they are wanted.
#include "frontend/modules/modules.h"
#include "frontend/program/tools.h"

namespace ringside {

const Tools* tools(std::string& error) {
  return static_cast<const Tools*>(load_module(Tools::file, Tools::symbol, error));
}

}  // namespace ringside
