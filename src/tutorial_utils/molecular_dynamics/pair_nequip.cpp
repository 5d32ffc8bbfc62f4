// SPDX-License-Identifier: MIT
// Copyright (C) 2026 the tutorial_utils contributors
//
// This source is under the MIT licence. What is compiled from it links LAMMPS: pass the library on under LAMMPS'
// own licence, the GNU General Public License.
//
// pair_style nequip/course: forces of a NequIP model that `nequip-compile --target pair_nequip` made.
//
//     atom_modify map yes
//     plugin      load nequip-course.so
//     pair_style  nequip/course
//     pair_coeff  * * model.nequip.pt2 Si O       # the element of each atom type, in order
//
// The model is that of NequIP's own `pair_style nequip`, and so is pair_coeff; the name is another one, so
// that neither a script nor an error message leaves open which of the two ran.
//
// LAMMPS knows atoms and their periodic images ("ghosts"); the model knows atoms and, for each edge, by how
// many cells it was shifted. compute() translates the first into the second and hands back what comes out.

#include <ATen/ATen.h>
#include <ATen/cpu/Utils.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

// LAMMPS has members of these names.
#undef LOG
#undef CHECK

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "update.h"

namespace LAMMPS_NS {

class PairNequIP : public Pair {
 public:
  explicit PairNequIP(LAMMPS *lmp) : Pair(lmp)
  {
    one_coeff = manybody_flag = 1;
    restartinfo = single_enable = 0;
    no_virial_fdotr_compute = 1;    // the virial comes from the model
    centroidstressflag = CENTROID_NOTAVAIL;
  }

  ~PairNequIP() override
  {
    if (!allocated) return;
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }

  void settings(int narg, char **) override
  {
    if (narg) error->all(FLERR, "pair_style nequip/course takes no arguments; the model stands in pair_coeff");
  }

  // pair_coeff * * FILE ELEMENT_OF_TYPE_1 ELEMENT_OF_TYPE_2 ...
  void coeff(int narg, char **arg) override
  {
    const int types = atom->ntypes;
    if (narg != 3 + types || strcmp(arg[0], "*") || strcmp(arg[1], "*"))
      error->all(FLERR, "pair_coeff of nequip/course: expected '* * FILE' and {} element(s), one for each atom type",
                 types);
    load(arg[2]);

    if (!allocated) {
      memory->create(setflag, types + 1, types + 1, "pair:setflag");
      memory->create(cutsq, types + 1, types + 1, "pair:cutsq");
      allocated = 1;
    }
    model_type.assign(types + 1, -1);
    for (int type = 1; type <= types; type++) {
      const std::string element = arg[2 + type];
      for (size_t k = 0; k < known.size(); k++)
        if (known[k] == element) model_type[type] = k;
      if (model_type[type] < 0)
        error->all(FLERR, "pair_coeff of nequip/course: element {} is not in the model, which knows {}", element,
                   utils::join_words(known, " "));
    }
    for (int i = 1; i <= types; i++)
      for (int j = i; j <= types; j++) setflag[i][j] = 1;
  }

  void init_style() override
  {
    if (strcmp(update->unit_style, "metal") != 0)
      error->all(FLERR, "pair_style nequip/course: the model is in eV and Angstrom; use 'units metal', not '{}'",
                 update->unit_style);
    if (comm->nprocs != 1)
      error->all(FLERR, "pair_style nequip/course: this plugin runs on one MPI rank, not on {}", comm->nprocs);
    if (atom->map_style == Atom::MAP_NONE)
      error->all(FLERR, "pair_style nequip/course: write 'atom_modify map yes' before the box is made");
    neighbor->add_request(this, NeighConst::REQ_FULL);
  }

  double init_one(int, int) override { return cutoff; }

  void compute(int eflag, int vflag) override
  {
    ev_init(eflag, vflag);
    if (vflag_atom) error->all(FLERR, "pair_style nequip/course: the model gives no stress of single atoms");
    find_edges();
    const int64_t atoms = atom->nlocal, edges = shifts.size() / 3;
    if (atoms < 2 || edges < 2)
      error->one(FLERR, "pair_style nequip/course: {} atom(s) with {} neighbours within {} A; the compiled model "
                 "needs at least two of each", atoms, edges, cutoff);

    std::vector<int64_t> types(atoms);
    for (int i = 0; i < atoms; i++) types[i] = model_type[atom->type[i]];
    double cell[9] = {domain->xprd, 0, 0, domain->xy, domain->yprd, 0, domain->xz, domain->yz, domain->zprd};
    const auto integers = at::kLong;
    const std::vector<at::Tensor> inputs = {
        at::from_blob(atom->x[0], {atoms, 3}, at::kDouble).clone(),
        at::from_blob(ends.data(), {edges, 2}, integers).t().contiguous(),
        at::from_blob(types.data(), {atoms}, integers).clone(),
        at::from_blob(cell, {1, 3, 3}, at::kDouble).clone(),
        at::from_blob(shifts.data(), {edges, 3}, at::kDouble).clone()};
    const c10::InferenceMode guard;
    const auto out = model->run(inputs);

    const auto energy = out[0].to(at::kDouble).contiguous();    // (atoms, 1)
    const auto forces = out[1].to(at::kDouble).contiguous();    // (atoms, 3)
    for (int i = 0; i < atoms; i++) {
      if (eflag_global) eng_vdwl += energy.data_ptr<double>()[i];
      if (eflag_atom) eatom[i] = energy.data_ptr<double>()[i];
      for (int d = 0; d < 3; d++) atom->f[i][d] += forces.data_ptr<double>()[3 * i + d];
    }
    if (vflag_global) {
      const auto W = out[2].to(at::kDouble).contiguous();    // (1, 3, 3)
      const int of_lammps[6] = {0, 4, 8, 1, 2, 5};               // xx yy zz xy xz yz
      for (int k = 0; k < 6; k++) virial[k] += W.data_ptr<double>()[of_lammps[k]];
    }
  }

 private:
  using Loader = torch::inductor::AOTIModelPackageLoader;
  std::unique_ptr<Loader> model;
  std::vector<std::string> known;     // elements of the model
  std::vector<int> model_type;        // of each LAMMPS type
  double cutoff = 0;                  // A
  std::vector<int64_t> ends;          // (edges, 2) centre and neighbour
  std::vector<double> shifts;         // (edges, 3) in cells

  void load(const std::string &file)
  {
    if (!platform::file_is_readable(file))
      error->all(FLERR, "pair_coeff of nequip/course: there is no file {} that can be read", file);
    try {
      const auto metadata = Loader::load_metadata_from_package(file, "model");
      if (metadata.count("AOTI_CPU_ISA")) check_processor(file, metadata.at("AOTI_CPU_ISA"));
      model = std::make_unique<Loader>(file, "model", true);
    } catch (const LAMMPSException &) {
      throw;    // from check_processor
    } catch (const std::exception &problem) {
      error->all(FLERR, "pair_coeff of nequip/course: {} is no model made by 'nequip-compile --mode aotinductor "
                 "--target pair_nequip' on this machine: {}", file, problem.what());
    }
    auto metadata = model->get_metadata();
    if (metadata["nequip_aoti_outputs"] != "atomic_energy forces virial")
      error->all(FLERR, "pair_coeff of nequip/course: {} was not compiled with '--target pair_nequip'", file);
    cutoff = std::stod(metadata.at("r_max"));
    std::istringstream names(metadata.at("type_names"));
    known.clear();
    for (std::string name; names >> name;) known.push_back(name);
  }

  // A model is machine code; on a processor without its instructions it would die without a word.
  void check_processor(const std::string &file, const std::string &needed)
  {
    const auto able = at::cpu::get_cpu_capabilities();
    std::istringstream words(utils::lowercase(needed));
    for (std::string word; words >> word;) {
      const auto found = able.find(word == "avx512" ? "avx512_f" : word);
      if (found != able.end() && !found->second.toBool())
        error->all(FLERR, "pair_coeff of nequip/course: {} was compiled for another machine: this one lacks {}; "
                   "run nequip-compile here", file, word);
    }
  }

  // LAMMPS lists neighbours up to the cutoff and a skin; ghosts are images of the atoms of this one rank.
  void find_edges()
  {
    ends.clear();
    shifts.clear();
    const double *const *const x = atom->x;
    for (int n = 0; n < list->inum; n++) {
      const int i = list->ilist[n];
      for (int m = 0; m < list->numneigh[i]; m++) {
        const int image = list->firstneigh[i][m] & NEIGHMASK;
        const double dx = x[image][0] - x[i][0], dy = x[image][1] - x[i][1], dz = x[image][2] - x[i][2];
        if (dx * dx + dy * dy + dz * dz >= cutoff * cutoff) continue;
        const int j = atom->map(atom->tag[image]);
        const double c = std::round((x[image][2] - x[j][2]) / domain->zprd);
        const double b = std::round((x[image][1] - x[j][1] - c * domain->yz) / domain->yprd);
        const double a = std::round((x[image][0] - x[j][0] - b * domain->xy - c * domain->xz) / domain->xprd);
        ends.insert(ends.end(), {i, j});
        shifts.insert(shifts.end(), {a, b, c});
      }
    }
  }
};

}    // namespace LAMMPS_NS

// What LAMMPS' command "plugin load" looks for; the layout is that of its documentation of plugins.
extern "C" {
struct lammpsplugin_t {
  const char *version, *style, *name, *info, *author;
  void *(*creator)(void *);
  void *handle;
};

static void *make_pair(void *lmp)
{
  return new LAMMPS_NS::PairNequIP(static_cast<LAMMPS_NS::LAMMPS *>(lmp));
}

void lammpsplugin_init(void *lmp, void *handle, void *regfunc)
{
  lammpsplugin_t plugin = {};
  plugin.version = static_cast<LAMMPS_NS::LAMMPS *>(lmp)->version;
  plugin.style = "pair";
  plugin.name = "nequip/course";
  plugin.info = "NequIP models compiled by AOTInductor";
  plugin.author = "the tutorial_utils contributors";
  plugin.creator = make_pair;
  plugin.handle = handle;
  reinterpret_cast<void (*)(lammpsplugin_t *, void *)>(regfunc)(&plugin, lmp);
}
}
