#include <string>
#include <vector>

#include "app/cli.hpp"

int main(int argc, char** argv) {
  return app::run_command_line({argv + 1, argv + argc});
}
