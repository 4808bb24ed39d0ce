#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/report/html.hpp"
#include "bench/report/svg.hpp"

namespace troupe::bench::report {
namespace {

constexpr std::size_t name_bytes_max = 100;

bool is_file_name(const std::string& name) {
  return !name.empty() && name.size() <= name_bytes_max && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

Status check_names(const Report& report) {
  std::set<std::string> names;
  for (const auto& section : report.sections)
    for (const auto& chart : section.charts) {
      if (!is_file_name(chart.name))
        return Error{ErrorCode::invalid_argument,
                     "the chart '" + chart.title + "' has a name that cannot be a file's",
                     "use letters, digits, '-', '_' and '.'"};
      if (!names.insert(chart.name).second)
        return Error{ErrorCode::invalid_argument, "two charts are named " + chart.name,
                     "begin their names with their scenario's"};
    }
  return {};
}

Status write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file)
    return Error{ErrorCode::io, "cannot write " + path.string(),
                 "choose a folder that you may write to, with room on its disk"};
  return {};
}

}  // namespace

Status write_report(const Report& report, const std::string& folder) {
  if (auto named = check_names(report); !named) return named;
  const std::filesystem::path place(folder);
  std::error_code failed;
  std::filesystem::create_directories(place, failed);
  if (failed)
    return Error{ErrorCode::io, "cannot make the folder " + folder + ": " + failed.message(),
                 "choose a folder that you may write to"};
  for (const auto& section : report.sections)
    for (const auto& chart : section.charts)
      if (auto written = write_file(place / (chart.name + ".svg"), to_svg(chart)); !written)
        return written;
  const auto json =
      to_json(report.set).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (auto written = write_file(place / "figures.json", json); !written) return written;
  return write_file(place / "index.html", to_html(report));
}

}  // namespace troupe::bench::report
