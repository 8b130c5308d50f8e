// Generated from data/attributes by scripts/generate-attributes.mjs. Do not edit.
import type { AttributeSet } from "./attribute-schema.js";

export const ATTRIBUTE_SETS: Readonly<Record<string, AttributeSet>> = {
 "bloodmnist": {
  "dataset": "bloodmnist",
  "modality": "blood cell microscopy",
  "template": "a microscopic image of {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "basophil",
    "attributes": [
     "coarse dark purple-black granules covering the nucleus",
     "nuclear outline obscured by overlying granules",
     "unevenly sized blue-violet granules spread across the cytoplasm",
     "indistinct bilobed or S-shaped nucleus hidden under granules",
     "mulberry-like deeply stained cell surface",
     "lilac cytoplasm dotted with large basophilic grains",
     "dark blotchy spots reaching the cell edge",
     "small vacuole-like clear spots where granules washed out",
     "medium round cell with densely speckled violet centre",
     "blurred nucleus-cytoplasm boundary within heavily stippled cell"
    ]
   },
   {
    "id": 1,
    "name": "eosinophil",
    "attributes": [
     "cytoplasm packed with bright orange-red granules",
     "bilobed nucleus shaped like spectacles or earmuffs",
     "uniform large round refractile eosinophilic granules",
     "thin chromatin bridge joining two rounded lobes",
     "salmon-pink grainy cytoplasm filling the cell",
     "purple nuclear lobes clearly visible against orange background",
     "brick-coloured beads closely packed to the cell margin",
     "lobes pushed to one side by coppery granular cytoplasm",
     "sharp colour contrast of violet nucleus and reddish cytoplasm",
     "coarse warm-toned texture resembling a raspberry surface"
    ]
   },
   {
    "id": 2,
    "name": "erythroblast",
    "attributes": [
     "perfectly round dense dark nucleus",
     "checkerboard clumped chromatin with clear streaks",
     "grey-blue to pinkish agranular cytoplasm",
     "small cell with ink-drop pyknotic nucleus",
     "smooth circular outline similar in size to red cells",
     "narrow even cytoplasmic ring with haemoglobin tint",
     "polychromatic cytoplasm mixing blue and rose tones",
     "nucleus sitting slightly off centre or being extruded",
     "cartwheel-patterned nucleus with crisp smooth edge",
     "homogeneous deep-blue cytoplasm around a coarse round nucleus"
    ]
   },
   {
    "id": 3,
    "name": "immature granulocyte",
    "attributes": [
     "large cell with kidney-shaped or indented nucleus",
     "oval eccentric nucleus with fairly fine open chromatin",
     "bluish cytoplasm bearing scattered azurophilic granules",
     "visible pale nucleoli within a big nucleus",
     "unsegmented nucleus beside a pink Golgi zone",
     "primary reddish-purple granules overlying part of the nucleus",
     "nucleus pushed against one side of abundant cytoplasm",
     "mixed pink and blue cytoplasm with dust-like secondary granules",
     "bean-shaped metamyelocyte nucleus with shallow dent",
     "larger diameter than mature segmented cells with smooth round border"
    ]
   },
   {
    "id": 4,
    "name": "lymphocyte",
    "attributes": [
     "large round nucleus nearly filling the cell",
     "thin rim of clear sky-blue cytoplasm",
     "dense smudged dark-purple chromatin in blocks",
     "small cell only slightly larger than a red cell",
     "high nuclear-to-cytoplasmic ratio in a compact cell",
     "smooth agranular pale-blue cytoplasm crescent",
     "slightly notched round nucleus at the cell border",
     "cytoplasm indented by neighbouring red cells",
     "few sparse azure grains in a broad translucent cytoplasm",
     "soft blurred chromatin lumps with dim parachromatin separations"
    ]
   },
   {
    "id": 5,
    "name": "monocyte",
    "attributes": [
     "large cell with folded horseshoe-shaped nucleus",
     "abundant dull grey-blue ground-glass cytoplasm",
     "lacy ropy chromatin in fine strands",
     "multiple clear round cytoplasmic vacuoles",
     "irregular cell outline with blunt pseudopods",
     "brain-like convoluted nuclear surface with grooves",
     "very fine dusty lilac granulation",
     "nucleus paler and looser than neighbouring cells",
     "widest cell diameter among circulating leukocytes",
     "lobulated but unsegmented nucleus placed centrally"
    ]
   },
   {
    "id": 6,
    "name": "neutrophil",
    "attributes": [
     "nucleus segmented into several distinct lobes",
     "thin filament strands connecting dark nuclear lobes",
     "pale pink cytoplasm with fine neutral granules",
     "band-shaped curved nucleus of even width",
     "coarsely condensed dark-violet chromatin in each segment",
     "chain-like or letter-like arrangement of nuclear lobes",
     "light rose almost colourless cytoplasm",
     "multilobed nucleus spread across the cell centre",
     "barely resolvable lilac dusting over cytoplasm",
     "rounded cell with twisted sausage-link nucleus"
    ]
   },
   {
    "id": 7,
    "name": "platelet",
    "attributes": [
     "tiny anucleate fragment of cytoplasm",
     "small purple granular body smaller than red cells",
     "light-blue hyalomere around a central granulomere",
     "irregular oval or star-shaped small outline",
     "isolated minute speck surrounded by large red cells",
     "several minute fragments clumping together",
     "pale lilac body with fuzzy feathery edge",
     "fine azurophilic central dots in a small disc",
     "mostly empty background around one very small object",
     "thin spiky projections from a miniature disc"
    ]
   }
  ]
 },
 "brainmri": {
  "dataset": "brainmri",
  "modality": "brain MRI",
  "template": "a brain MRI scan showing {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "glioma",
    "attributes": [
     "infiltrating intra-axial mass within cerebral white matter",
     "irregular thick ring enhancement around dark necrosis",
     "ill-defined borders blending into adjacent brain",
     "extensive finger-like vasogenic edema around the mass",
     "heterogeneous mixed signal with cystic and solid parts",
     "butterfly spread across the corpus callosum",
     "midline shift with compressed lateral ventricle",
     "patchy uneven contrast uptake in a hemisphere lesion",
     "expanded swollen gyri with effaced sulci in one lobe",
     "internal haemorrhagic dark or bright spots within tumour"
    ]
   },
   {
    "id": 1,
    "name": "meningioma",
    "attributes": [
     "extra-axial mass with broad dural base",
     "intense homogeneous enhancement of a solid mass",
     "dural tail tapering along the inner skull",
     "sharply marginated rounded mass at the convexity",
     "cerebrospinal fluid cleft separating tumour from cortex",
     "buckled cortex pushed inward beneath the mass",
     "attachment to falx, tentorium or sphenoid wing",
     "thickened adjacent skull bone with hyperostosis",
     "smooth hemispheric lesion isointense to grey matter",
     "lobulated solid peripheral mass against the skull"
    ]
   },
   {
    "id": 2,
    "name": "no tumor",
    "attributes": [
     "symmetric cerebral hemispheres about a straight midline",
     "ventricles of normal size and butterfly shape",
     "clear grey-white matter differentiation throughout",
     "regular sulci and gyri on both sides",
     "uniform parenchymal signal in every lobe",
     "small normal pituitary within a flat sella",
     "basal cisterns open and evenly filled",
     "undisplaced falx and central third ventricle",
     "ordinary thin meningeal and vascular enhancement only",
     "balanced brainstem and cerebellum of normal outline"
    ]
   },
   {
    "id": 3,
    "name": "pituitary tumor",
    "attributes": [
     "midline mass in the sella turcica",
     "upward suprasellar extension lifting the optic chiasm",
     "snowman or figure-eight shape waisted at the sellar diaphragm",
     "enlarged sella with deepened floor",
     "round enhancing nodule at the skull base centre",
     "deviated pituitary stalk beside a small sellar lesion",
     "lateral bulging toward the cavernous sinus and carotids",
     "sphenoid sinus lying directly beneath the mass",
     "small hypoenhancing focus inside the bright gland",
     "compact central lesion below the hypothalamus on sagittal view"
    ]
   }
  ]
 },
 "breastmnist": {
  "dataset": "breastmnist",
  "modality": "breast ultrasound",
  "template": "a breast ultrasound image of {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "malignant tumor",
    "attributes": [
     "irregular hypoechoic mass with spiculated margins",
     "taller-than-wide lesion oriented across tissue planes",
     "dense posterior acoustic shadow beneath the mass",
     "angular or microlobulated jagged border",
     "thick echogenic halo around a dark core",
     "markedly dark heterogeneous internal echo texture",
     "punctate bright microcalcifications inside a hypoechoic mass",
     "indistinct edge infiltrating surrounding fat and ducts",
     "distorted tissue planes and retracted ligaments around the lesion",
     "branching duct extensions radiating from an ill-defined nodule"
    ]
   },
   {
    "id": 1,
    "name": "normal or benign breast tissue",
    "attributes": [
     "layered skin, fat, fibroglandular and muscle bands in parallel",
     "smooth oval lesion with circumscribed margin",
     "wider-than-tall shape parallel to the skin",
     "anechoic cyst with bright posterior enhancement",
     "thin echogenic capsule around a homogeneous nodule",
     "gentle macrolobulated contour of few soft lobes",
     "uniform mid-grey echoes of glandular parenchyma",
     "undisturbed curved Cooper ligaments between fat lobules",
     "thin lateral edge shadows beside a rounded lesion",
     "compressible fat lobules of even low echogenicity"
    ]
   }
  ]
 },
 "busi": {
  "dataset": "busi",
  "modality": "breast ultrasound",
  "template": "a breast ultrasound image of {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "benign tumor",
    "attributes": [
     "smooth well-circumscribed oval dark mass",
     "thin bright capsule encircling a homogeneous lesion",
     "horizontal long axis parallel to the skin line",
     "anechoic fluid-filled cyst with sharp back wall",
     "increased echo brightness directly behind the lesion",
     "uniform low-to-medium internal echoes throughout the nodule",
     "two or three gentle rounded lobulations",
     "fine refractive shadows at the lateral edges only",
     "surrounding fat pushed aside and left intact",
     "clear abrupt interface between dark mass and bright tissue"
    ]
   },
   {
    "id": 1,
    "name": "malignant tumor",
    "attributes": [
     "spiculated star-shaped outline of a dark mass",
     "vertical growth taller than wide",
     "dark acoustic shadow fading downward from the mass",
     "ragged angular margin with fuzzy transition",
     "broad hyperechoic reactive rim around dark centre",
     "very dark uneven interior with mixed echoes",
     "clustered bright pinpoint calcifications inside the mass",
     "infiltration across fascia and tissue layers",
     "puckered overlying skin and pulled Cooper ligaments",
     "multiple small irregular lobules along a jagged edge"
    ]
   },
   {
    "id": 2,
    "name": "normal breast tissue",
    "attributes": [
     "continuous horizontal layers of skin, fat and gland",
     "homogeneous bright fibroglandular band across the whole width",
     "regular dark fat lobules divided by thin bright septa",
     "gently arching Cooper ligaments keeping their course",
     "pectoral muscle stripes and ribs at image bottom",
     "repetitive streaky parenchyma texture across the entire field",
     "slender branching ducts converging toward the nipple",
     "diffuse mixed grey pattern spread evenly over the image",
     "even depth-related fading from skin to chest wall",
     "wavy interleaved fat and fibrous tissue in balanced proportion"
    ]
   }
  ]
 },
 "dermamnist": {
  "dataset": "dermamnist",
  "modality": "dermatoscopy",
  "template": "a dermatoscopic image of {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "actinic keratosis and intraepithelial carcinoma",
    "attributes": [
     "strawberry pattern of red pseudonetwork around pale follicles",
     "rough white-to-yellow surface scale on reddish skin",
     "targetoid hair follicles with yellowish keratin plugs",
     "clustered glomerular coiled vessels on a pink plaque",
     "ill-defined scaly pink patch on sun-damaged skin",
     "white rosettes of four bright points inside follicle openings",
     "fine wavy vessels surrounding follicular openings",
     "flat erythematous plaque covered by adherent crusty flakes",
     "brown dots arranged in lines at the plaque edge",
     "patchy background redness mixed with dry keratotic areas"
    ]
   },
   {
    "id": 1,
    "name": "basal cell carcinoma",
    "attributes": [
     "sharp arborizing tree-like branching red vessels",
     "large blue-grey ovoid pigmented nests",
     "maple-leaf-like brown-grey structures at the periphery",
     "spoke-wheel radial projections around a darker hub",
     "shiny pearly translucent pink surface",
     "small central ulceration or erosion with blood crust",
     "shallow rounded slate-coloured globules scattered over the lesion",
     "shiny white blotches and strands on pink stroma",
     "rolled raised border around a glossy nodule",
     "thin short superficial telangiectasia over whitish-pink area"
    ]
   },
   {
    "id": 2,
    "name": "benign keratosis-like lesion",
    "attributes": [
     "multiple white or yellowish milia-like cysts",
     "dark comedo-like openings filled with keratin",
     "cerebriform surface with brain-like fissures and ridges",
     "sharply cut moth-eaten brown border",
     "stuck-on waxy plaque with verrucous texture",
     "fingerprint-like fine parallel brown lines",
     "hairpin vessels surrounded by whitish halo",
     "dull opaque tan to brown warty surface",
     "thick light-brown ridges resembling fat fingers",
     "coarse grey peppering granules over a regressing flat lesion"
    ]
   },
   {
    "id": 3,
    "name": "dermatofibroma",
    "attributes": [
     "central white scar-like structureless patch",
     "delicate light-brown peripheral pigment network",
     "firm round small papule with symmetric pale centre",
     "ring of faint tan colour fading into surrounding skin",
     "central white network of crossing shiny lines",
     "ring-like brown globules around a pale core",
     "pinkish-brown dome-shaped lesion with dimpled surface",
     "uniform concentric zoning from white core to tan rim",
     "dotted vessels within the pale fibrotic centre",
     "small well-centred nodule with gradual hazy margin"
    ]
   },
   {
    "id": 4,
    "name": "melanoma",
    "attributes": [
     "asymmetric shape in both axes",
     "multiple colours including black, brown, blue-grey, red and white",
     "blue-white veil over a raised structureless zone",
     "atypical thick irregular pigment network",
     "irregular streaks or pseudopods at one edge",
     "jagged notched border with abrupt pigment cut-off",
     "unevenly distributed black dots and globules",
     "eccentric dark blotch of irregular outline",
     "scar-like white regression areas with blue-grey peppering",
     "large chaotic lesion with polymorphous dotted and linear vessels"
    ]
   },
   {
    "id": 5,
    "name": "melanocytic nevus",
    "attributes": [
     "symmetric round or oval outline",
     "uniform light-to-medium brown colour across the lesion",
     "regular thin-lined honeycomb pigment network",
     "evenly spaced brown globules in cobblestone arrangement",
     "smooth border fading gradually into normal skin",
     "homogeneous tan pigmentation of even density",
     "small flat mole of a single even shade",
     "pigment slightly darker at the centre thinning outward",
     "comma-shaped vessels in a soft skin-coloured papule",
     "orderly rim of equal-sized peripheral globules"
    ]
   },
   {
    "id": 6,
    "name": "vascular lesion",
    "attributes": [
     "well-demarcated red or purple lacunae",
     "bright homogeneous cherry-red colour throughout",
     "clustered round blood-filled lagoons divided by pale septa",
     "dark maroon to blue-black thrombosed areas",
     "smooth glossy dome like a drop of blood",
     "structureless reddish-purple haemorrhage with satellite red dots",
     "white collarette encircling a red glistening nodule",
     "violaceous hue throughout in place of brown melanin",
     "saccular dilated vessels packed like frogspawn",
     "compact wine-red spot sharply set against pale skin"
    ]
   }
  ]
 },
 "mednist": {
  "dataset": "mednist",
  "modality": "mixed radiology",
  "template": "a radiology image acquired by {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "abdominal CT",
    "attributes": [
     "large homogeneous grey liver on one side",
     "kidneys and spine in an oval body cross-section",
     "bowel loops containing gas and contrast material",
     "round aorta just in front of a vertebral body",
     "subcutaneous fat ring around abdominal wall muscle",
     "spleen and stomach opposite the liver",
     "soft-tissue organs filling the whole body outline",
     "retroperitoneal fat outlining paired bean-shaped organs",
     "psoas muscles flanking the lumbar vertebra",
     "curved scanner table line beneath a wide oval torso"
    ]
   },
   {
    "id": 1,
    "name": "breast MRI",
    "attributes": [
     "two rounded breast contours projecting from the chest wall",
     "bright fat signal around darker fibroglandular strands",
     "pendulous breasts hanging in a prone coil position",
     "axial view of paired hemispherical soft-tissue mounds",
     "nipple tips visible at the front of each mound",
     "dark heart and lung region behind bright breast tissue",
     "coil-related brightness fading away from the breasts",
     "branching glandular tissue converging on the nipple",
     "pectoral muscle layer separating breast from thorax",
     "deep cleavage gap between left and right breast"
    ]
   },
   {
    "id": 2,
    "name": "chest X-ray",
    "attributes": [
     "two dark lungs crossed by projected white ribs",
     "frontal heart silhouette in the middle of the thorax",
     "clavicles and shoulders at the upper corners",
     "dome-shaped diaphragms with bright abdomen below",
     "superimposed spine and mediastinum as a central white column",
     "dark tracheal air column above the carina",
     "projection view with overlapping bones and soft tissue",
     "scapula shadows at the lateral lung margins",
     "left-sided cardiac apex and aortic knob contour",
     "stomach air bubble beneath the left diaphragm"
    ]
   },
   {
    "id": 3,
    "name": "chest CT",
    "attributes": [
     "two black lungs separated by bright mediastinum in cross-section",
     "axial ring of ribs cut as short segments",
     "bright heart chambers or great vessels between air-filled lungs",
     "fine white branching vessels within black lung",
     "thoracic vertebra and descending aorta at the back centre",
     "tracheal or bronchial lumen as a small black circle",
     "sternum at the front of the axial slice",
     "scapulae and shoulder-blade muscles behind the rib cage",
     "large black air areas occupying most of the torso slice",
     "oesophagus and aortic arch within central soft tissue"
    ]
   },
   {
    "id": 4,
    "name": "hand X-ray",
    "attributes": [
     "five separate finger rays spreading from the palm",
     "small carpal bones clustered at the wrist",
     "slender metacarpal shafts with bright cortical edges",
     "distal radius and ulna ends at the bottom",
     "growth plates as thin dark lines near joint ends",
     "thumb angled away from the other digits",
     "narrow joint spaces between phalanges",
     "thin soft-tissue outline around bright bones",
     "large empty black area between the fingers",
     "tapered fingertip tufts on terminal phalanges"
    ]
   },
   {
    "id": 5,
    "name": "head CT",
    "attributes": [
     "thick bright oval ring of skull bone",
     "grey brain parenchyma inside a white calvarium",
     "dark central ventricles filled with fluid",
     "falx line dividing two cerebral hemispheres",
     "subtle sulci along the inner edge of bone",
     "single closed ellipse on a black background",
     "dense petrous bones and orbits in lower slices",
     "calcified choroid plexus or pineal spots near midline",
     "low-contrast grey and white matter of the cerebrum",
     "frontal sinus or mastoid air cells within bone"
    ]
   }
  ]
 },
 "octmnist": {
  "dataset": "octmnist",
  "modality": "retinal OCT",
  "template": "a retinal OCT scan showing {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "choroidal neovascularization",
    "attributes": [
     "hyperreflective mass beneath or breaking through the pigment epithelium",
     "disrupted thickened irregular retinal pigment epithelium band",
     "subretinal fluid pocket overlying a fibrovascular lesion",
     "large pigment epithelial detachment with heterogeneous interior",
     "fuzzy grey subretinal hyperreflective material",
     "spindle-shaped thickening at the retinal pigment epithelium level",
     "distorted elevated outer retina bulging into the vitreous",
     "dense subretinal scar with bright layered reflectivity",
     "loss of ellipsoid zone over a raised choroidal complex",
     "broad dome of the outer bands with ragged upper edge"
    ]
   },
   {
    "id": 1,
    "name": "diabetic macular edema",
    "attributes": [
     "multiple dark round intraretinal cystoid spaces",
     "diffuse thickening of the neurosensory retina",
     "swollen fovea with lost central pit",
     "bright hard exudate dots within inner and outer layers",
     "honeycomb hyporeflective cavities separated by thin septa",
     "sponge-like low-reflective swelling of the outer nuclear layer",
     "large central foveal cyst above a flat pigment epithelium line",
     "serous foveal detachment under cyst-filled retina",
     "small hyperreflective foci casting shadows below",
     "taut epiretinal membrane wrinkling a thickened inner surface"
    ]
   },
   {
    "id": 2,
    "name": "drusen",
    "attributes": [
     "small dome-shaped bumps under the retinal pigment epithelium",
     "undulating wavy outer retinal line",
     "multiple mound-like deposits between pigment epithelium and Bruch membrane",
     "homogeneous medium-reflective material under shallow elevations",
     "scalloped beaded contour along the lowest bright band",
     "preserved foveal depression above small outer elevations",
     "thin straight Bruch membrane visible beneath lifted epithelium",
     "repeated low hillocks of similar height",
     "inner retinal layers keeping normal thickness over outer bumps",
     "focal thinning of photoreceptor layer over rounded nodules"
    ]
   },
   {
    "id": 3,
    "name": "normal retina",
    "attributes": [
     "smooth central foveal depression with gently sloping walls",
     "parallel continuous well-separated retinal layers",
     "flat even bright retinal pigment epithelium line",
     "intact uninterrupted ellipsoid zone band",
     "uniform retinal thickness on both sides of the fovea",
     "homogeneous dark outer nuclear layer of regular width",
     "clean dark vitreous above a sharp inner border",
     "regular speckled choroid beneath an unbroken outer band",
     "symmetric nasal and temporal layer contour",
     "crisp alternating bright and dark lamination"
    ]
   }
  ]
 },
 "organamnist": {
  "dataset": "organamnist",
  "modality": "axial abdominal CT",
  "template": "an axial abdominal CT image of the {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "bladder",
    "attributes": [
     "midline round fluid-dark sac low in the pelvis",
     "homogeneous near-water density with a thin smooth wall",
     "pelvic bones and hip sockets flanking on both sides",
     "rounded-square outline behind the pubic symphysis",
     "rectum or uterus directly behind a fluid-filled organ",
     "symmetric central position between obturator muscles",
     "excreted contrast layering along the dependent wall",
     "uniform grey interior darker than adjacent pelvic muscle",
     "pelvic fat surrounding a distended ovoid pouch",
     "flattened top contour pressed by sigmoid bowel loops"
    ]
   },
   {
    "id": 1,
    "name": "left femur",
    "attributes": [
     "round bright femoral head seated in the image-right acetabulum",
     "greater trochanter pointing toward the image-right body edge",
     "small fovea pit on the head surface facing image-left",
     "white cortical ring enclosing grey fatty marrow",
     "left gluteus maximus wrapping behind the bony ball",
     "crescent acetabular wall hugging the image-left side of the ball",
     "left ischial spine lying posterior and toward image-left",
     "tensor fasciae latae muscle at the front image-right corner",
     "left sartorius and rectus femoris strips in front of bone",
     "solid dense bone much brighter than the left hip muscles"
    ]
   },
   {
    "id": 2,
    "name": "right femur",
    "attributes": [
     "femoral ball held by the image-left acetabular cup",
     "bony neck slanting outward toward the image left",
     "curved dark joint line opening toward image-right",
     "right femoral artery and vein anterior and toward image-right",
     "subcutaneous hip fat along the image-left margin",
     "cancellous sphere with radiating trabecular texture",
     "iliopsoas muscle passing over the front of the right hip",
     "obturator internus and pelvic cavity toward image-right",
     "intertrochanteric widening that bulges toward image-left",
     "lesser trochanter knob on the back inner side facing image-right"
    ]
   },
   {
    "id": 3,
    "name": "heart",
    "attributes": [
     "bright contrast-filled chambers divided by darker septum",
     "large oval mass between the two lung bases",
     "apex pointing toward the left front chest wall",
     "grey myocardial band around brighter ventricular cavities",
     "thin pericardial line and fat around muscular organ",
     "descending aorta and spine lying just behind the mass",
     "liver dome touching the lower right cardiac border",
     "black air-filled lung on both lateral edges",
     "sternum and ribs immediately in front",
     "inferior vena cava entering a rounded right-sided chamber"
    ]
   },
   {
    "id": 4,
    "name": "left kidney",
    "attributes": [
     "bean-shaped enhancing organ on image-right beside the spine",
     "renal hilum opening medially toward image-left",
     "spleen tip lying lateral to the renal contour",
     "descending colon in front of the bright renal cortex",
     "pancreatic tail and jejunum anterior to the kidney",
     "perirenal fat halo in the left posterior flank",
     "long renal vein crossing toward image-left before the aorta",
     "lateral dromedary hump beneath the spleen",
     "aorta nearer than vena cava to its inner border",
     "left diaphragm crus beside the upper renal pole"
    ]
   },
   {
    "id": 5,
    "name": "right kidney",
    "attributes": [
     "bean-shaped enhancing organ on image-left beside the spine",
     "right liver lobe directly in front and lateral of the kidney",
     "duodenum adjacent to the anteromedial renal surface",
     "short renal vein draining straight into adjacent vena cava",
     "right psoas muscle bordering the image-right edge",
     "convex lateral cortex facing the image-left flank",
     "fatty cleft of Morison pouch between liver and cortex",
     "hepatic flexure of colon in front of lower pole",
     "medullary pyramids darker than the surrounding bright cortex",
     "gallbladder lying a short distance in front of the cortex"
    ]
   },
   {
    "id": 6,
    "name": "liver",
    "attributes": [
     "very large homogeneous wedge filling the image-left upper abdomen",
     "branching portal and hepatic veins inside grey parenchyma",
     "smooth convex lateral edge along right ribs",
     "tapering left lobe crossing in front of the stomach",
     "gallbladder as a dark oval notch on the undersurface",
     "fissure of the falciform ligament dividing lobes",
     "inferior vena cava embedded in the posterior border",
     "caudate lobe projecting beside the portal vein",
     "broad uniform medium-bright tissue much larger than any kidney",
     "dark small round vessel cross-sections scattered within unenhanced parenchyma"
    ]
   },
   {
    "id": 7,
    "name": "left lung",
    "attributes": [
     "black air region on image-right bordered by heart",
     "cardiac indentation on the medial image-left side",
     "curved rib arcs along the image-right outer edge",
     "descending aorta touching the posteromedial lung surface",
     "pulmonary vein entering the left atrium along the inner edge",
     "spleen or stomach dome appearing within lower black area",
     "lingular tongue wrapping around the cardiac apex",
     "narrow anterior black strip in front of the left ventricle",
     "single oblique fissure as a faint line through black air",
     "anterior margin ending short of the sternum"
    ]
   },
   {
    "id": 8,
    "name": "right lung",
    "attributes": [
     "black air region on image-left bordered by mediastinum",
     "liver dome rising as a grey circle inside black lung",
     "wide dark field shaped like a rounded triangle near the base",
     "extra air volume beside the right atrium",
     "inferior vena cava close to the medial lower margin",
     "azygos and oesophageal recess at the posteromedial border",
     "branching vessels fanning out from image-right hilum",
     "gently flat medial edge along the smaller right heart border",
     "superior vena cava and right bronchus along the image-right edge",
     "middle lobe wedge of air next to the right heart"
    ]
   },
   {
    "id": 9,
    "name": "pancreas",
    "attributes": [
     "lobulated elongated soft tissue crossing in front of the spine",
     "splenic vein running along the posterior surface",
     "head nestled within the curve of the duodenum",
     "tail tapering toward the splenic hilum",
     "feathery fat-interdigitated border of low contrast",
     "thin central dark duct line along its length",
     "stomach wall immediately in front of a narrow band",
     "superior mesenteric vessels beneath the neck as bright dots",
     "slender curved shape much thinner than solid neighbours",
     "uneven grey texture surrounded by retroperitoneal fat"
    ]
   },
   {
    "id": 10,
    "name": "spleen",
    "attributes": [
     "crescent-shaped organ in the posterior image-right abdomen",
     "smooth convex border along the left ribs",
     "concave inner surface toward the stomach and kidney",
     "splenic vessels fanning at a medial hilum",
     "uniform parenchyma of brightness similar to liver",
     "stomach fundus anterior and medial to the organ",
     "comma-like solid profile beneath the left diaphragm",
     "notched medial contour with indented edges",
     "zebra-striped arterial enhancement in curved parenchyma",
     "left lateral abdominal wall hugging the outer surface"
    ]
   }
  ]
 },
 "organcmnist": {
  "dataset": "organcmnist",
  "modality": "coronal abdominal CT",
  "template": "a coronal abdominal CT image of the {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "bladder",
    "attributes": [
     "rounded fluid-grey sac at the bottom of the pelvis",
     "dome-shaped upper surface beneath bowel loops",
     "central position between the two femoral heads",
     "flat triangular base resting on the pelvic floor",
     "thin even wall around homogeneous dark content",
     "iliac bones rising on both sides above",
     "balloon-like low-density area crossing the midline",
     "obturator muscles bordering both lateral walls",
     "prostate or pubic region immediately underneath",
     "wide transverse oval contour close to the lower image edge"
    ]
   },
   {
    "id": 1,
    "name": "left femur",
    "attributes": [
     "ball of the femur in the image-right hip socket",
     "greater trochanter as the image-right upper bump",
     "lesser trochanter bulge facing image-left below the neck",
     "dense calcar line along the image-left neck curve",
     "acetabular roof arching over the head from image-left",
     "left iliac wing above and inward of the bone",
     "hip abductor muscles on the image-right outer surface",
     "grey marrow bordered by two thick white cortical lines",
     "pelvic teardrop and obturator foramen toward image-left",
     "smooth hemispherical outline with a small central fovea dent"
    ]
   },
   {
    "id": 2,
    "name": "right femur",
    "attributes": [
     "ball of the femur in the image-left hip socket",
     "neck descending outward toward image-left",
     "cortical shaft running down along the image-left side",
     "weight-bearing trabecular fan pointing toward the image-right pelvis",
     "long bone tilting toward image-right as it descends",
     "subcutaneous hip fat strip along the image-left border",
     "thin dark joint space curving over the upper inner head",
     "adductor muscles fanning from the pubis on the image-right side",
     "triangular fatty Ward area within the neck trabeculae",
     "right external iliac vessels descending inward of the hip"
    ]
   },
   {
    "id": 3,
    "name": "heart",
    "attributes": [
     "rounded bright mass resting on the diaphragm",
     "apex directed down and toward image-right",
     "great vessels emerging upward from the cardiac base",
     "lungs as black spaces on both sides",
     "curved right atrial border facing image-left",
     "liver dome immediately below the cardiac floor",
     "ventricular cavity outlined by grey muscular wall",
     "pear-shaped silhouette in the lower central chest",
     "aortic root and pulmonary trunk crossing at the top",
     "horizontal flat inferior border against the central tendon"
    ]
   },
   {
    "id": 4,
    "name": "left kidney",
    "attributes": [
     "vertical bean on image-right beside the lumbar spine",
     "upper pole touching the splenic undersurface",
     "medial hilum notch facing toward image-left",
     "psoas edge slanting along its image-left border",
     "descending colon along the outer image-right side",
     "slightly higher position than the opposite kidney",
     "splenic hump bulging the lateral image-right outline",
     "renal pelvis funnel draining toward image-left",
     "bright cortical rim below the left diaphragm",
     "left adrenal gland as small inverted Y above upper pole"
    ]
   },
   {
    "id": 5,
    "name": "right kidney",
    "attributes": [
     "vertical bean on image-left beside the lumbar spine",
     "liver lying directly on top of the upper pole",
     "duodenum descending along the image-right inner border",
     "lower pole sitting nearly level with the iliac crest",
     "ascending colon flexure touching the lower pole",
     "central sinus fat darker than the surrounding enhanced tissue",
     "short renal vein joining the vena cava immediately at image-right",
     "long axis leaning outward toward image-left at the bottom",
     "fat stripe separating cortex from inferior liver tip",
     "medullary pyramids as darker triangles pointing to the centre"
    ]
   },
   {
    "id": 6,
    "name": "liver",
    "attributes": [
     "huge triangular mass occupying the image-left upper abdomen",
     "smooth dome fitting under the right diaphragm",
     "inferior tip pointing down along the right flank",
     "hepatic veins converging upward to the vena cava",
     "portal vein branching in a tree pattern from the hilum",
     "broad lateral border parallel to right ribs",
     "left lobe tapering across the midline",
     "gallbladder hanging from the lower edge",
     "homogeneous grey expanse larger than every neighbouring organ",
     "hepatic flexure of colon flattening the lower surface"
    ]
   },
   {
    "id": 7,
    "name": "left lung",
    "attributes": [
     "tall black air space on image-right",
     "cardiac notch cut out of the image-left lower border",
     "base resting on diaphragm above spleen and stomach",
     "apex narrowing upward beneath left ribs",
     "aortic knob impression on the inner upper edge",
     "sharp costophrenic recess at the image-right bottom corner",
     "gastric bubble just below the lung base",
     "slim lower width because the heart takes medial space",
     "two-lobed air space crossed by a single oblique fissure",
     "left pulmonary artery arching above the main bronchus"
    ]
   },
   {
    "id": 8,
    "name": "right lung",
    "attributes": [
     "tall black air space on image-left",
     "base domed upward by the liver below",
     "horizontal fissure line dividing the upper half",
     "broader shorter shape than the opposite lung",
     "gently curved inner border along the right atrium",
     "right main bronchus entering steeply as a dark tube",
     "vessels fanning from a hilum at image-right",
     "azygos arch near the upper inner border",
     "wide flat lower margin parallel to the hepatic surface",
     "superior vena cava shadow forming the straight upper medial edge"
    ]
   },
   {
    "id": 9,
    "name": "pancreas",
    "attributes": [
     "irregular horizontal band across the upper midabdomen",
     "head expanding inside the C-shaped duodenum",
     "tail rising obliquely toward image-right spleen",
     "lobulated frayed outline embedded in fat",
     "mesenteric vein passing vertically beside the neck",
     "stomach lying above the narrow glandular strip",
     "low-contrast grey tissue thinner than adjacent organs",
     "common bile duct descending through the head",
     "transverse colon and mesentery just underneath",
     "hook-like uncinate tip curving toward the vessels"
    ]
   },
   {
    "id": 10,
    "name": "spleen",
    "attributes": [
     "crescent or wedge in the image-right upper abdomen",
     "smooth outer border under the left diaphragm and ribs",
     "concave inner face toward the stomach",
     "rounded lower tip above the left colon flexure",
     "black left lung base directly above the organ",
     "splenic hilum vessels entering from image-left",
     "length running obliquely along the left lower ribs",
     "homogeneous bright tissue smaller than the liver opposite",
     "left kidney upper pole touching the lower inner surface",
     "half-moon contour with lobulated notches on its inner edge"
    ]
   }
  ]
 },
 "organsmnist": {
  "dataset": "organsmnist",
  "modality": "sagittal abdominal CT",
  "template": "a sagittal abdominal CT image of the {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "bladder",
    "attributes": [
     "fluid-dark teardrop behind the pubic bone",
     "sacrum and rectum curving at the back",
     "anterior abdominal wall sloping down to its top",
     "low pelvic position at the bottom of the torso",
     "pointed urachal apex directed up and forward",
     "uterus or prostate lying behind or beneath the sac",
     "thin uniform wall surrounding watery homogeneous content",
     "bowel loops pressing on the superior surface",
     "smooth ovoid profile between pubis and sacral hollow",
     "bladder neck narrowing downward to the pelvic floor"
    ]
   },
   {
    "id": 1,
    "name": "left femur",
    "attributes": [
     "round femoral head profile beneath the left iliac bone",
     "descending shaft marrow framed by two cortical lines",
     "left acetabular rim seen as a half-circle above",
     "sigmoid colon side of the pelvis above the joint",
     "left thigh quadriceps in front of bright bone",
     "gluteal muscle mass behind a solid bony ball",
     "intertrochanteric ridge as a bulge at the back",
     "smooth spherical cap with a thin joint gap",
     "left external iliac vessels passing over the front",
     "rounded cancellous interior with radiating trabeculae"
    ]
   },
   {
    "id": 2,
    "name": "right femur",
    "attributes": [
     "ball-shaped bone under the right iliac wing",
     "caecum side of the pelvis above the hip",
     "iliopsoas tendon draped across the front surface",
     "hamstring origin and ischium lying behind",
     "neck seen end-on as a small bright-edged circle",
     "subchondral white rim tracing the convex top",
     "lesser trochanter projecting toward the rear edge",
     "pectineus and adductor muscles filling the lower front",
     "right obturator externus muscle passing below the neck",
     "right inguinal fat crossing in front of the bone"
    ]
   },
   {
    "id": 3,
    "name": "heart",
    "attributes": [
     "bright oval chambers behind the sternum",
     "diaphragm and liver directly beneath the cardiac mass",
     "black lung air above and behind the muscular organ",
     "aortic outflow rising toward the upper edge",
     "ventricle lying foremost and atrium lying rearward",
     "thick grey myocardium around enhanced cavity",
     "oesophagus and spine behind the left atrium",
     "slanting long axis from upper back to lower front",
     "anterior fat pad near the xiphoid tip",
     "sharp boundary between muscle and retrosternal air"
    ]
   },
   {
    "id": 4,
    "name": "left kidney",
    "attributes": [
     "elongated oval in the rear abdomen beneath the spleen",
     "descending colon and jejunum in front of the cortex",
     "upper pole reaching the left diaphragm crus",
     "psoas and quadratus lumborum muscles behind the left organ",
     "stomach body lying ahead of the upper pole",
     "pancreatic tail crossing over the anterior mid surface",
     "fat-filled renal sinus as a central bright-bordered hole",
     "vertical bean contour with a splenic bump",
     "black left lung recess just above the spleen and pole",
     "posterior twelfth rib crossing behind the upper third"
    ]
   },
   {
    "id": 5,
    "name": "right kidney",
    "attributes": [
     "elongated oval tucked under the posterior liver",
     "right adrenal and bare liver surface over the top",
     "thin fatty Morison cleft dividing liver from cortex",
     "duodenum and colon flexure ahead of the lower half",
     "lower pole angled forward above the iliac crest",
     "gallbladder visible further forward in the same slice",
     "broad hepatic lobe sloping over its whole front surface",
     "cortical arc with darker medullary triangles along the back",
     "thick perinephric fat cushion below the lower pole",
     "vena cava or right renal vessels nearby in medial slices"
    ]
   },
   {
    "id": 6,
    "name": "liver",
    "attributes": [
     "large wedge filling the upper front abdomen",
     "curved dome against the diaphragm and black lung",
     "pointed lower edge aimed down and forward",
     "gallbladder oval beneath the anterior undersurface",
     "hepatic veins seen as dark or bright tubes in parenchyma",
     "kidney indentation on the rear lower surface",
     "broad front surface following ribs and abdominal wall",
     "fine homogeneous grey texture over most of the tile",
     "portal branches as clustered small round cross-sections",
     "blunt rounded upper back bulging into the lung recess"
    ]
   },
   {
    "id": 7,
    "name": "left lung",
    "attributes": [
     "tall black air space above spleen and stomach",
     "heart shadow intruding at the lower front",
     "single oblique fissure running from upper back to lower front",
     "gastric air bubble beneath the diaphragm dome",
     "aortic arch imprint at the upper inner portion",
     "lingula lying in front over the cardiac apex",
     "deep posterior recess reaching behind the spleen",
     "ribs cut as small bright dots along front and back",
     "pulmonary artery branch arching over the left bronchus",
     "upper lobe extending down to the anterior diaphragm"
    ]
   },
   {
    "id": 8,
    "name": "right lung",
    "attributes": [
     "tall black air space above a large liver dome",
     "horizontal and oblique fissures meeting in a Y-shape",
     "smooth high convex diaphragm pushed by the liver",
     "wedge-shaped middle lobe at the lower front",
     "nearly triangular air outline widening toward the base",
     "vessels radiating outward through uniform black air",
     "right hilum as a bright knot in the centre",
     "broad lower edge parallel to the hepatic surface",
     "rounded upper lobe apex beneath the right first rib",
     "straight unindented front edge behind the sternum"
    ]
   },
   {
    "id": 9,
    "name": "pancreas",
    "attributes": [
     "small oval or comma cross-section behind the stomach",
     "splenic vein dot directly behind glandular tissue",
     "aorta and spine lying deeper to the gland",
     "superior mesenteric artery descending behind the neck",
     "left renal vein and duodenum beneath the gland",
     "lobulated fat-speckled outline of small size",
     "liver left lobe above and ahead of the gland",
     "transverse mesocolon root attached at the lower edge",
     "isolated soft-tissue patch surrounded by retroperitoneal fat",
     "tiny central duct hole within grey parenchyma"
    ]
   },
   {
    "id": 10,
    "name": "spleen",
    "attributes": [
     "curved wedge in the upper rear left abdomen",
     "posterior ribs and lung recess behind the convex surface",
     "gastric fundus in front of the concave surface",
     "left kidney upper pole under the inferior surface",
     "rounded upper border beneath the left diaphragm",
     "smooth homogeneous parenchyma in a compact oval section",
     "tapered front tip near the colon flexure",
     "splenic artery and vein entering at the anterior notch",
     "bright solid organ far smaller than liver in size",
     "long axis oblique along the tenth rib direction"
    ]
   }
  ]
 },
 "pathmnist": {
  "dataset": "pathmnist",
  "modality": "colon histology",
  "template": "an H&E stained colon histology image of {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "adipose tissue",
    "attributes": [
     "large empty white rounded vacuoles packed side by side",
     "thin pink membranes forming a honeycomb or chicken-wire network",
     "signet-ring outlines where the nucleus is squeezed to the rim",
     "optically clear cell interiors left by dissolved lipid",
     "polygonal bubble-like compartments of nearly uniform large size",
     "sparse tiny dark flattened nuclei at the cell corners",
     "slender capillaries running in the corners between clear cells",
     "mostly white area divided by delicate curved eosinophilic lines",
     "lacy open lattice with very low stain density",
     "sharply outlined ovoid holes many times larger than a nucleus"
    ]
   },
   {
    "id": 1,
    "name": "background",
    "attributes": [
     "uniform blank pale field of bare glass",
     "even whitish-grey or faint pink tint over the whole tile",
     "smooth featureless texture with almost zero contrast",
     "isolated specks of dust on an otherwise empty slide",
     "very bright homogeneous intensity from edge to edge",
     "bare slide regions outside the tissue section border",
     "faint tissue edge confined to one margin of an empty tile",
     "flat low-noise colour resembling unstained mounting medium",
     "empty slide area showing a slight illumination gradient only",
     "monotone light colour with vanishing local texture variation"
    ]
   },
   {
    "id": 2,
    "name": "debris",
    "attributes": [
     "amorphous granular eosinophilic material of lost architecture",
     "shrunken fragmented dark nuclear dust scattered irregularly",
     "ghost outlines of dead cells with faded borders",
     "dirty necrotic mixture of pink smudges and purple fragments",
     "extravasated red blood cells mixed with shredded tissue bits",
     "ragged loosely scattered clumps separated by irregular gaps",
     "smeared purple-pink texture with blurred cell boundaries",
     "pyknotic nuclei beside pale anucleate cell remnants",
     "coarse crumbly particles of very uneven size and colour",
     "washed-out glandular remnants dissolving into formless pink material"
    ]
   },
   {
    "id": 3,
    "name": "lymphocytes",
    "attributes": [
     "dense sheet of small round dark blue nuclei",
     "scant barely visible cytoplasm around each nucleus",
     "monotonous nuclei of nearly equal size and circular shape",
     "deep purple dotted texture resembling scattered peppercorns",
     "tightly crowded cells forming a follicle-like aggregate",
     "smooth-edged nuclei containing dense clumped chromatin",
     "strongly basophilic overall colour from closely spaced round nuclei",
     "discohesive single cells separated by thin pale gaps",
     "germinal centre paler than the surrounding dark mantle of cells",
     "small punctate nuclei filling the field in random order"
    ]
   },
   {
    "id": 4,
    "name": "mucus",
    "attributes": [
     "pale blue-grey or lilac wispy extracellular pools",
     "smooth streaming strands like smoke or swirling water",
     "translucent gelatinous texture with faint wavy filaments",
     "few floating cells suspended in watery bluish material",
     "stringy basophilic threads crossing a pale lake",
     "broad acellular lavender areas with soft fading edges",
     "curved laminated streaks following the flow of secretion",
     "clear bluish lake dissecting through tissue",
     "milky semi-transparent film with low nuclear density",
     "distended goblet contents spilling into a pale pool"
    ]
   },
   {
    "id": 5,
    "name": "smooth muscle",
    "attributes": [
     "parallel bundles of bright pink spindle fibres",
     "elongated cigar-shaped blunt-ended nuclei aligned with fibres",
     "broad compact eosinophilic fascicles running in one direction",
     "dense uniformly pink cytoplasm of closely packed fibre cells",
     "interlacing bands of muscularis propria cut lengthwise and crosswise",
     "smooth wavy striping with regular fibre thickness",
     "thin white clefts separating thick parallel muscle bundles",
     "evenly spaced slender nuclei over homogeneous salmon-pink texture",
     "corkscrew-shaped nuclei within contracted pink fibres",
     "cross-cut fibre bundles appearing as mosaic pink polygons"
    ]
   },
   {
    "id": 6,
    "name": "normal colon mucosa",
    "attributes": [
     "regular round crypts of similar size in orderly rows",
     "abundant goblet cells holding clear or bluish mucin vacuoles",
     "small basal nuclei lined neatly along each crypt base",
     "test-tube shaped straight glands perpendicular to the surface",
     "ring-like crypt cross-sections with a small central lumen",
     "loose lamina propria with plasma cells between evenly spaced glands",
     "single-layered columnar epithelium keeping uniform polarity",
     "daisy-like crypt profile with pale petals around the lumen",
     "crypt bases resting close to a thin muscularis mucosae",
     "foamy pale crypt epithelium contrasting with purple intervening stroma"
    ]
   },
   {
    "id": 7,
    "name": "cancer-associated stroma",
    "attributes": [
     "desmoplastic pink collagen surrounding scattered plump fibroblasts",
     "wavy loosely woven fibres running in varied directions",
     "spindle nuclei with tapered pointed ends spread among collagen",
     "myxoid pale pink-blue matrix between fibrous strands",
     "disorganised fibrillar texture mixed with sparse inflammatory cells",
     "swirling collagen bands wrapped around tumour nests",
     "moderate fibroblast density over uneven light-pink background",
     "thin-walled small vessels embedded in reactive fibrous tissue",
     "frayed collagen strands separated by oedematous clear slits",
     "activated stromal cells with oval vesicular nuclei in fibrous matrix"
    ]
   },
   {
    "id": 8,
    "name": "colorectal adenocarcinoma epithelium",
    "attributes": [
     "irregular crowded glands of variable shape and size",
     "enlarged elongated hyperchromatic nuclei piled in several layers",
     "cribriform back-to-back glands sharing common walls",
     "loss of goblet cells and mucin-poor dark purple cytoplasm",
     "pleomorphic vesicular nuclei containing prominent nucleoli",
     "solid sheets or nests of atypical cohesive cells",
     "slit-like angular lumens lined by pseudostratified cells",
     "frequent mitotic figures within disordered epithelium",
     "necrotic luminal plug inside a malignant gland",
     "high nuclear-to-cytoplasmic ratio across a thick jagged epithelial band"
    ]
   }
  ]
 },
 "pneumoniamnist": {
  "dataset": "pneumoniamnist",
  "modality": "paediatric chest X-ray",
  "template": "a pediatric chest X-ray showing {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "normal chest",
    "attributes": [
     "clear dark lungs of even radiolucency on both sides",
     "sharp well-defined dark costophrenic angles",
     "crisp heart borders on both sides",
     "fine vascular markings tapering toward the periphery",
     "smooth distinct dome-shaped left and right diaphragms",
     "symmetric aeration of the left and right lung fields",
     "clean black retrocardiac and retrosternal spaces",
     "thin compact hilar shadows of normal size",
     "ribs clearly contrasted against well-aerated black lung",
     "normal cardiothymic silhouette with sail-like thymic edge"
    ]
   },
   {
    "id": 1,
    "name": "pneumonia",
    "attributes": [
     "focal white consolidation within a lung lobe",
     "air bronchograms as dark branching tubes in opacity",
     "hazy patchy infiltrates in one or both lungs",
     "blurred heart border from adjacent airspace opacity",
     "increased streaky perihilar interstitial markings",
     "obscured hemidiaphragm with dense lower-zone shadowing",
     "blunted costophrenic angle from parapneumonic fluid",
     "fluffy ill-defined cotton-like alveolar opacities",
     "asymmetric whiteness between the two lungs",
     "peribronchial cuffing with hyperinflated mottled lungs"
    ]
   }
  ]
 },
 "retinamnist": {
  "dataset": "retinamnist",
  "modality": "fundus photography",
  "template": "a retinal fundus photograph showing {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "no diabetic retinopathy",
    "attributes": [
     "clean uniform orange-red retinal background",
     "smooth vessels of regular calibre and gentle branching",
     "clear macula with a uniform dark fovea",
     "sharp pink optic disc with well-defined margin",
     "even arteriole-to-venule width ratio along the arcades",
     "homogeneous retina of consistent colour between vessels",
     "bright foveal reflex at the macular centre",
     "delicate avascular foveal zone with undisturbed surroundings",
     "vascular arcades curving symmetrically around a spotless posterior pole",
     "healthy cup and rim with vessels leaving the disc cleanly"
    ]
   },
   {
    "id": 1,
    "name": "mild non-proliferative diabetic retinopathy",
    "attributes": [
     "a few tiny isolated red dots near the macula",
     "microaneurysms as the only visible lesions",
     "pinpoint round red spots smaller than a vessel width",
     "near-normal retina broken by one or two minute dots",
     "sparse sharply edged crimson specks at capillary ends",
     "faint pinhead lesions scattered temporal to the fovea",
     "very low lesion count with untouched vessel calibre",
     "subtle isolated capillary outpouchings in one quadrant",
     "small dark-red punctate marks on otherwise clear background",
     "lesions so small that they resemble single pixels"
    ]
   },
   {
    "id": 2,
    "name": "moderate non-proliferative diabetic retinopathy",
    "attributes": [
     "multiple red dots plus several blot haemorrhages",
     "yellow waxy hard exudates with sharp edges",
     "ring-shaped exudate deposits near the macula",
     "occasional white fluffy cotton wool spot",
     "mixture of small red and yellow lesions in some quadrants",
     "scattered dot-and-blot bleeding of limited extent",
     "streaks of lipid pointing toward the fovea",
     "mild venous calibre change in a single quadrant",
     "clusters of bright yellow granules between the vascular arcades",
     "intermediate lesion load across the posterior pole"
    ]
   },
   {
    "id": 3,
    "name": "severe non-proliferative diabetic retinopathy",
    "attributes": [
     "numerous large blot haemorrhages in all four quadrants",
     "venous beading with sausage-like calibre variation",
     "intraretinal microvascular abnormalities as tortuous fine red branches",
     "many cotton wool spots along the arcades",
     "dense widespread dark red bleeding within the retina",
     "looped and dilated retinal veins",
     "extensive exudates and haemorrhages crowding the posterior pole",
     "pale ischaemic retinal areas between heavily damaged vessels",
     "flame-shaped haemorrhages spread in every direction",
     "thick confluent intraretinal blots reaching the mid-periphery"
    ]
   },
   {
    "id": 4,
    "name": "proliferative diabetic retinopathy",
    "attributes": [
     "fine tangled new vessels on the optic disc",
     "frond-like neovascular networks growing from the arcades",
     "boat-shaped preretinal haemorrhage with level upper edge",
     "vitreous haemorrhage veiling the fundus in a dark red haze",
     "white fibrovascular membranes pulling on the retina",
     "tractional retinal detachment with greyish folded retina",
     "macula displaced from its usual place by contracting tissue",
     "dragged distorted vessels under fibrous bands",
     "lacy vessels crossing the disc margin irregularly",
     "glistening fibrous tissue sheets along the temporal arcades"
    ]
   }
  ]
 },
 "tissuemnist": {
  "dataset": "tissuemnist",
  "modality": "kidney cortex fluorescence microscopy",
  "template": "a fluorescence microscopy image of {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "collecting duct or connecting tubule",
    "attributes": [
     "regular round medium-sized nucleus with smooth border",
     "cobblestone neighbours evenly spaced around a wide lumen",
     "homogeneous moderately bright nuclear signal",
     "cuboidal cell layout with centrally placed nucleus",
     "sharp clear intercellular spacing between adjacent nuclei",
     "mixture of paler principal and brighter intercalated nuclei",
     "gently curved row of nuclei lining a broad tubule",
     "nearly circular profile with low eccentricity",
     "fine even chromatin with few bright spots",
     "well-separated nuclei in a single layer of steady height"
    ]
   },
   {
    "id": 1,
    "name": "distal convoluted tubule",
    "attributes": [
     "closely spaced nuclei crowded along the tubule",
     "apically shifted nucleus near the lumen",
     "small compact tubular ring with many nuclei",
     "rounded slightly flattened nuclear outline",
     "bright tightly packed nuclear row with little space between",
     "short tortuous tubular profile at the tile margin",
     "moderate nuclear size with smooth grainy texture",
     "oval nucleus wider along the basement membrane",
     "higher nuclear density than neighbouring wide tubules",
     "crisp medium-bright nucleus touching adjacent equal nuclei"
    ]
   },
   {
    "id": 2,
    "name": "glomerular endothelial cell",
    "attributes": [
     "thin curved crescent nucleus within a capillary tuft",
     "small elongated bright nucleus inside a dense rounded cluster",
     "flattened nucleus bending along a capillary loop",
     "narrow comma-shaped profile facing a dark loop lumen",
     "crowded multidirectional nuclei inside a spherical structure",
     "intense compact chromatin in a slender nucleus",
     "sickle outline surrounded by glomerular neighbours",
     "tapered nucleus at the inner side of loops",
     "irregular bent rod shape with high brightness",
     "short arc-like nucleus among mixed-size tuft nuclei"
    ]
   },
   {
    "id": 3,
    "name": "interstitial endothelial cell",
    "attributes": [
     "long thin spindle nucleus squeezed between tubules",
     "straight rod-like profile parallel to a tubule edge",
     "very high length-to-width ratio with pointed ends",
     "narrow bright streak in the intertubular gap",
     "flattened nucleus along a peritubular capillary",
     "isolated elongated nucleus bordered by dark tubular areas",
     "needle-like outline with small area",
     "slender nucleus following a capillary wall lengthwise",
     "thin linear signal crossing the tile diagonally",
     "compressed lens-shaped nucleus in a narrow septum"
    ]
   },
   {
    "id": 4,
    "name": "leukocyte",
    "attributes": [
     "very small round intensely bright nucleus",
     "dense condensed chromatin with mottled clumps",
     "compact spherical nucleus with little surrounding signal",
     "clustered tiny nuclei in an interstitial infiltrate",
     "lobulated or indented bright nuclear shape",
     "sharply edged high-intensity spot of minimal area",
     "several small round nuclei touching in random arrangement",
     "coarse bright chromatin patches in a tiny disc",
     "irregular segmented polymorphonuclear nuclear profile",
     "randomly placed nucleus away from orderly tubule rows"
    ]
   },
   {
    "id": 5,
    "name": "podocyte",
    "attributes": [
     "large pale nucleus at the outer surface of glomerular loops",
     "oval-to-bean nucleus with open finely dispersed chromatin",
     "dim diffuse interior with smooth rounded contour",
     "nucleus bulging into the urinary space",
     "indented kidney-shaped outline capping a capillary loop",
     "large nuclear area relative to neighbouring tuft nuclei",
     "isolated nucleus at the tuft edge beside dark Bowman space",
     "soft low-contrast texture with weak central intensity",
     "broad ovoid profile standing off the loop surface",
     "lightly stained big nucleus next to small bright ones"
    ]
   },
   {
    "id": 6,
    "name": "proximal tubule segment",
    "attributes": [
     "large round euchromatic nucleus widely spaced from neighbours",
     "basally located nucleus in a thick tubule wall",
     "broad dark cytoplasmic area surrounding one nucleus",
     "spherical nucleus with one or two bright nucleolar-like spots",
     "hazy autofluorescent cytoplasm around the nucleus",
     "low nuclear density along a large tubule profile",
     "smooth circular contour of generous diameter",
     "evenly distributed medium-grey chromatin with small specks",
     "tall cells leaving long distance between adjacent nuclei",
     "single central nucleus in a wide empty tile"
    ]
   },
   {
    "id": 7,
    "name": "thick ascending limb",
    "attributes": [
     "oval nucleus in a low thin-walled tubule",
     "nuclei bulging into a narrow lumen from flat cells",
     "small dark tubule ring with modest nuclei count",
     "slightly irregular compact nucleus of intermediate size",
     "alternating nucleus spacing along a straight tubule",
     "dome-shaped nuclear profile with flattened base",
     "medium-bright mottled chromatin in ovoid nucleus",
     "straight parallel rows of nuclei on both tubule sides",
     "tightly bordered nuclei in a slim cylindrical segment",
     "nucleus filling most of the low cell height"
    ]
   }
  ]
 },
 "wbc": {
  "dataset": "wbc",
  "modality": "white blood cell microscopy",
  "template": "a microscopic image of {class}, with {attribute}",
  "classes": [
   {
    "id": 0,
    "name": "eosinophil",
    "attributes": [
     "large orange-pink granules crowding the cytoplasm",
     "two-lobed nucleus linked by a thin thread",
     "reddish shiny beads of equal size",
     "spectacle-like nuclear shape in warm-coloured cell",
     "coral-tinted grainy ring around purple lobes",
     "granular texture stronger than surrounding red blood cells",
     "coarse brick-red dots at the cell periphery",
     "two plump lobes facing each other like headphones",
     "cytoplasm colour clearly more orange than bluish",
     "dense eosinophilic stippling with nucleus left uncovered"
    ]
   },
   {
    "id": 1,
    "name": "lymphocyte",
    "attributes": [
     "single round dark nucleus occupying nearly the whole cell",
     "scant clear blue cytoplasmic border",
     "compact smooth chromatin in solid dark blocks",
     "small overall diameter close to that of red cells",
     "circular nuclear outline with at most a shallow notch",
     "smooth agranular sky-blue cytoplasm sliver on one side",
     "uniform deep violet disc in the image centre",
     "tight cell outline hugging the nucleus",
     "crisp smooth nuclear edge with even staining",
     "minimal cytoplasm area compared with nuclear area"
    ]
   },
   {
    "id": 2,
    "name": "monocyte",
    "attributes": [
     "big cell with kidney or horseshoe shaped nucleus",
     "wide grey-blue cytoplasm of cloudy texture",
     "loose stringy chromatin with pale gaps",
     "frothy cytoplasm holding clear vacuoles",
     "uneven cell contour with cytoplasmic bulges",
     "nucleus folded over itself with visible creases",
     "faint dust-like azurophilic granulation over grey cytoplasm",
     "cell diameter much larger than neighbouring red cells",
     "lighter purple nucleus of spongy texture",
     "deep indentation on one side of an unsegmented nucleus"
    ]
   },
   {
    "id": 3,
    "name": "neutrophil",
    "attributes": [
     "three to five connected nuclear segments",
     "thin chromatin filaments between separate lobes",
     "pale pinkish cytoplasm of very fine grain",
     "dark purple lobes scattered like beads",
     "horseshoe-thin band nucleus of constant narrow thickness",
     "almost transparent cytoplasm surrounding segmented nucleus",
     "clumped chromatin with sharply constricted segments",
     "lobes arranged in an arc or letter-like curve",
     "soft lilac speckles hardly visible in cytoplasm",
     "irregular multi-part nucleus within a round cell"
    ]
   }
  ]
 }
};
