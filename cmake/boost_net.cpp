// The sources of Asio, Asio SSL and Beast, compiled once for all targets (see CMakeLists.txt: the
// two SEPARATE_COMPILATION definitions are public, because mixing both kinds of file breaks the
// one-definition rule).
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
